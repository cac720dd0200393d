# SPDX-License-Identifier: Apache-2.0
"""Outputs that a card gives as matrices, without the batch axis of their ONNX shape."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.enums import OpType
from vackit.tensors import MATRIX_LAYOUT, TensorSpec

# published programs use it for text recognition alone, and expect (T, C) from their models
_RECOGNIZERS_OPERATOR = OpType.FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT


def matrix_outputs(outputs: Sequence[TensorSpec], prepare: OpType | None) -> tuple[bool, ...]:
    """Tell which outputs programs take as matrices.

    Those that the build YAML marks, and of text recognizers what has a time and a class axis.
    """
    is_recognizer = prepare is _RECOGNIZERS_OPERATOR
    return tuple(
        spec.layout == MATRIX_LAYOUT or (is_recognizer and len(spec.shape) == 3) for spec in outputs
    )


def as_matrix(array: NDArray[Any]) -> NDArray[Any]:
    """Return one sample's output as rows and columns.

    (1, Y, X) and (Y, 1, X) become (Y, X); maps (1, C, H, W) become (H * W, C), as the
    published reader of such an output takes them (inferred). Others stay.
    """
    if array.ndim == 4 and len(array) == 1:
        return np.ascontiguousarray(array.reshape(array.shape[1], -1).T)
    if array.ndim == 3 and 1 in array.shape[:2]:
        return array.reshape(max(array.shape[:2]), array.shape[2])
    return array
