# SPDX-License-Identifier: Apache-2.0
"""Fit a program's tensors to a model's inputs: layouts, token tensors, element types."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.tensor import Tensor
from vackit.data.tokens import token_positions
from vackit.errors import DataError, StreamError
from vackit.tensors import TensorSpec
from vackit.vdsp.layout884 import untile_activation, untile_matrix

Arrays = list[NDArray[Any]]
Shapes = tuple[tuple[int, ...], ...]


def plain_arrays(
    tensors: Sequence[Tensor], specs: Sequence[TensorSpec], shapes: Shapes = ()
) -> Arrays:
    """Return one array per input, each in its input's shape; tile layouts are undone.

    Args:
        tensors: What a program passes for one sample.
        specs: Of the model's inputs.
        shapes: Of a dynamic model, those that the program has chosen; empty: its own where
            they fit, else the largest.

    Raises:
        StreamError: There are more or fewer tensors than inputs.
    """
    if len(tensors) != len(specs):
        raise StreamError(
            f"the model takes {len(specs)} inputs ({', '.join(map(str, specs))}), "
            f"got {len(tensors)} tensors"
        )
    wanted = [
        shapes[i] if shapes else _wanted(tensor, spec)
        for i, (tensor, spec) in enumerate(zip(tensors, specs, strict=True))
    ]
    return [_plain(tensor, shape) for tensor, shape in zip(tensors, wanted, strict=True)]


def _wanted(tensor: Tensor, spec: TensorSpec) -> tuple[int, ...]:
    """Return the shape that a tensor is to have: of a dynamic input its own where it fits."""
    if spec.is_dynamic:
        for array in (tensor.array, *tensor.plain):
            for shape in (array.shape, (1, *array.shape)):
                if spec.accepts(shape) and shape[0] == 1:
                    return shape
    return spec.sample_shape


def _plain(tensor: Tensor, wanted: tuple[int, ...]) -> NDArray[Any]:
    fitting = (array for array in (tensor.array, *tensor.plain) if _fits(array.shape, wanted))
    for array in fitting:
        return array.reshape(wanted)
    return _untiled(tensor.array, wanted)


def _fits(shape: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """Tell whether two shapes differ in axes of one alone."""
    return [size for size in shape if size != 1] == [size for size in wanted if size != 1]


def _untiled(array: NDArray[Any], wanted: tuple[int, ...]) -> NDArray[Any]:
    matrix = tuple(size for size in wanted if size != 1)
    tiles = array.reshape(array.shape[1:]) if array.ndim == 4 and len(array) == 1 else array
    if len(matrix) == 2 and [n for n in array.shape if n != 1] == [
        -(-n // 16) * 16 for n in matrix
    ]:
        # a matrix with the padding of its tiles, not yet in tiles
        return array.reshape(array.shape[-2:])[: matrix[0], : matrix[1]].reshape(wanted)
    with contextlib.suppress(DataError):
        if array.ndim == 5:
            return untile_activation(array, wanted)
        if array.ndim == len(wanted) == 4 and len(matrix) > 2:  # tiles of one sample
            return untile_activation(array[np.newaxis], wanted)
        if tiles.ndim == 3 and len(matrix) == 2:
            return untile_matrix(tiles, (matrix[0], matrix[1])).reshape(wanted)
    raise StreamError(f"the model takes a sample of shape {wanted}, got {array.shape}")


def token_arrays(
    tensors: Sequence[Tensor], specs: Sequence[TensorSpec], shapes: Shapes = ()
) -> Arrays:
    """Return what a text model takes of the 3 or 6 token tensors that programs make.

    `token_positions` tells which input takes which.

    Raises:
        StreamError: There are too few tensors for the model, or a shape does not fit.
    """
    if len(tensors) == len(specs) and len(specs) not in (2, 3):
        pairs = enumerate(zip(tensors, specs, strict=True))
        return [_cast(tensor, spec, shapes[i : i + 1]) for i, (tensor, spec) in pairs]
    given, names = [tensor.array for tensor in tensors], [spec.name for spec in specs]
    chosen = []
    for index, (spec, position) in enumerate(
        zip(specs, token_positions(given, names), strict=True)
    ):
        if position is None:
            raise StreamError(
                f"no token tensor for the model's input {spec}; got {len(tensors)}",
                hint="pass token ids, token types and mask",
            )
        chosen.append(_cast(tensors[position], spec, shapes[index : index + 1]))
    return chosen


def _cast(tensor: Tensor, spec: TensorSpec, chosen: Shapes) -> NDArray[Any]:
    wanted = chosen[0] if chosen else _wanted(tensor, spec)
    if not _fits(tensor.array.shape, wanted):
        raise StreamError(f"input {spec} takes a sample of shape {wanted}, got {tensor.shape}")
    return tensor.array.reshape(wanted).astype(spec.dtype)
