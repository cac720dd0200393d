# SPDX-License-Identifier: Apache-2.0
"""``opf_space_to_depth_out_matrix``: an image tensor to rows of patches, in matrix tiles."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.errors import DataError
from vackit.vdsp.layout884 import tile_matrix

# dims_num, dims[4], align[4], layout, type, kh, kw, odims_num, odims[4], oalign[4], olayout
_CONFIG = "<23I"


def run(call: Call) -> Sequence[Any]:
    """Return the patches of (C, H, W) as tiles of the matrix (rows, C * kh * kw).

    Rows are patches, row by row; columns run over channel, then row, then column in a patch.
    H and W are cut to whole patches. The tensor also carries the plain matrix and the image,
    for models that take one of them.
    """
    fields = call.unpack(_CONFIG)
    num_dims, (kh, kw), out = fields[0], fields[11:13], fields[14:22]
    dims = fields[1 : 1 + num_dims]
    source = call.array(0)
    if not 3 <= num_dims <= 4 or min(kh, kw, *dims) < 1 or source.size != np.prod(dims):
        raise DataError(
            f"{call.name}: config says shape {tuple(dims)} and patches of {kw}x{kh}, got a tensor "
            f"of {source.shape}"
        )
    image = source.reshape(dims[-3:])
    channels, rows, columns = image.shape[0], image.shape[1] // kh, image.shape[2] // kw
    cut = image[:, : rows * kh, : columns * kw].reshape(channels, rows, kh, columns, kw)
    patches = cut.transpose(1, 3, 0, 2, 4).reshape(rows * columns, channels * kh * kw)
    height, width = (max(size, align) for size, align in zip(patches.shape, out[4:6], strict=True))
    padded = np.zeros((height, width), patches.dtype)
    padded[: patches.shape[0], : patches.shape[1]] = patches
    return [Tensor(tile_matrix(padded), plain=(patches, image))]
