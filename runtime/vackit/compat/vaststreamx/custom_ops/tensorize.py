# SPDX-License-Identifier: Apache-2.0
"""``tensorize_op``: a plain tensor to the hardware's tiles."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.errors import DataError
from vackit.vdsp.layout884 import tile_activation

_CONFIG = "<8I"  # dim[3], pitch[3], element size, format
_CHW, _HWC = 0, 1


def run(call: Call) -> Sequence[Any]:
    """Return the tiles of a (C, H, W) or (H, W, C) tensor, which also carries it plain."""
    fields = call.unpack(_CONFIG)
    dims, layout = fields[:3], fields[7]
    values = call.array(0)
    if layout not in (_CHW, _HWC) or values.size != np.prod(dims):
        raise DataError(
            f"{call.name}: config says shape {tuple(dims)} in format {layout}, expected that of "
            f"the tensor, {values.shape}, in format 0 (CHW) or 1 (HWC)"
        )
    array = values.reshape(dims)
    chw = array if layout == _CHW else np.ascontiguousarray(array.transpose(2, 0, 1))
    return [Tensor(tile_activation(chw), plain=(chw,))]
