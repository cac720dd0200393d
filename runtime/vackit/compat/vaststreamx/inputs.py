# SPDX-License-Identifier: Apache-2.0
"""Fit a program's tensors to a model's inputs: layouts, token tensors, element types."""

import contextlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.tensor import Tensor
from vackit.errors import DataError, StreamError
from vackit.tensors import TensorSpec
from vackit.vdsp.layout884 import untile_activation, untile_matrix

Arrays = list[NDArray[Any]]
Shapes = tuple[tuple[int, ...], ...]

# Names by which exporters call the inputs of text models, for `token_arrays`
_MASKS = ("attention_mask", "input_mask", "mask", "attn_mask")
_TYPES = ("token_type_ids", "segment_ids", "token_type", "type_ids", "segments")
_IDS = ("input_ids", "ids", "input_word_ids", "tokens", "input", "text")


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

    Programs pass token ids, token types and the mask, and as a card's compiler wants it the
    mask, or zeros, three times more; or types and mask the other way around. The mask is the
    one that starts with 1, types start with 0: the first token is never masked and always of
    type 0. Where that does not tell, the second tensor has the types.
    A model's inputs are told by their usual names; inputs of other names are taken in the
    order of the tensors.

    Raises:
        StreamError: There are too few tensors for the model, or a shape does not fit.
    """
    if len(tensors) == len(specs) and len(specs) not in (2, 3):
        pairs = enumerate(zip(tensors, specs, strict=True))
        return [_cast(tensor, spec, shapes[i : i + 1]) for i, (tensor, spec) in pairs]
    roles = _roles(tensors)
    chosen = []
    for index, spec in enumerate(specs):
        tensor = roles.get(_role(spec.name)) or (tensors[index] if index < len(tensors) else None)
        if tensor is None:
            raise StreamError(
                f"no token tensor for the model's input {spec}; got {len(tensors)}",
                hint="pass token ids, token types and mask",
            )
        chosen.append(_cast(tensor, spec, shapes[index : index + 1]))
    return chosen


def _role(name: str) -> str:
    lower = name.lower()
    for role, known in (("mask", _MASKS), ("types", _TYPES), ("ids", _IDS)):
        if lower in known:
            return role
    return "mask" if "mask" in lower else "types" if "type" in lower or "segment" in lower else ""


def _roles(tensors: Sequence[Tensor]) -> dict[str, Tensor]:
    if len(tensors) < 3:
        return dict(zip(("ids", "mask"), tensors, strict=False))
    masks = [tensor for tensor in tensors[1:] if tensor.array.flat[0] == 1]
    types = [tensor for tensor in tensors[1:] if tensor.array.flat[0] == 0]
    if not masks or not types:
        return {"ids": tensors[0], "types": tensors[1], "mask": tensors[2]}
    return {"ids": tensors[0], "types": types[0], "mask": masks[0]}


def _cast(tensor: Tensor, spec: TensorSpec, chosen: Shapes) -> NDArray[Any]:
    wanted = chosen[0] if chosen else _wanted(tensor, spec)
    if not _fits(tensor.array.shape, wanted):
        raise StreamError(f"input {spec} takes a sample of shape {wanted}, got {tensor.shape}")
    return tensor.array.reshape(wanted).astype(spec.dtype)
