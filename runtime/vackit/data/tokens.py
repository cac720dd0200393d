# SPDX-License-Identifier: Apache-2.0
"""Which of the token tensors that programs make goes to which input of a text model."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vackit.data.npz import named_arrays, numbered_arrays, read_npz
from vackit.tensors import TensorSpec

# By what exporters call the inputs of text models: words in the name, ends of it
_WORDS = {"mask": "mask", "type": "types", "segment": "types", "position": "positions"}
_IDS = ("input_ids", "word_ids", "tokens")
_IDS_ALONE = ("ids", "input", "text")

# Programs make this many tensors, however many of them a model takes
_COUNTS = (3, 6)


def read_model_inputs(path: Path, specs: Sequence[TensorSpec]) -> list[NDArray[Any]]:
    """Return the arrays of an npz in the order of a model's inputs.

    They have the inputs' names, or are ``input_0``, ``input_1``, ... in the model's order; for
    a text model these may be the token tensors that programs make, where their first numbers
    tell which is which.

    Raises:
        DataError: As `named_arrays` and `numbered_arrays`.
    """
    names = [spec.name for spec in specs]
    arrays = read_npz(path)
    if named := named_arrays(arrays, names, path):
        return named
    numbered = numbered_arrays(arrays, "input", path)
    are_tokens = len({array.size for array in numbered}) == 1 and _told(numbered)
    in_order = len(numbered) == len(specs) and not are_tokens
    if len(numbered) not in _COUNTS or in_order or not _is_text_model(specs):
        return numbered
    found = token_positions(numbered, names)
    return [numbered[position] for position in found if position is not None]


def model_shapes(
    shapes: Sequence[tuple[int, ...]], specs: Sequence[TensorSpec]
) -> Sequence[tuple[int, ...]]:
    """Return the shapes of a model's inputs, where those of more token tensors may be given.

    Programs give the shape of each tensor that they make, which are the same.
    """
    is_text = all(spec.dtype.startswith("int") for spec in specs)
    return shapes[: len(specs)] if is_text and len(set(shapes)) == 1 else shapes


def _is_text_model(specs: Sequence[TensorSpec]) -> bool:
    return len(specs) <= _COUNTS[0] and all(spec.dtype.startswith("int") for spec in specs)


def token_positions(tensors: Sequence[NDArray[Any]], names: Sequence[str]) -> list[int | None]:
    """Return for each input which of the token tensors it takes, None where there is none.

    Programs pass token ids, token types and the mask, and as a card's compiler wants it the
    mask, or zeros, three times more; or types and mask the other way around. The mask is the
    one that starts with 1, types start with 0: the first token is never masked and always of
    type 0. Where that does not tell, the second tensor has the types. Positions count up by one.
    A model's inputs are told by their usual names; inputs of other names take the tensors in
    their order.

    Args:
        tensors: Of one sample.
        names: Of the model's inputs.
    """
    found = _roles(tensors)
    in_order = [index if index < len(tensors) else None for index in range(len(names))]
    return [found.get(_role(name), other) for name, other in zip(names, in_order, strict=True)]


def _role(name: str) -> str:
    lower = name.lower().partition(":")[0]  # TensorFlow's exporter ends names with :0
    if lower in _IDS_ALONE or lower.endswith(_IDS):
        return "ids"
    return next((role for word, role in _WORDS.items() if word in lower), "")


def _roles(tensors: Sequence[NDArray[Any]]) -> dict[str, int | None]:
    if len(tensors) < _COUNTS[0]:
        return dict(zip(("ids", "mask"), range(len(tensors)), strict=False))
    counting = [index for index, tensor in enumerate(tensors) if index and _counts_up(tensor)]
    roles = _told(tensors) or {"ids": 0, "types": 1, "mask": 2}
    return {**roles, "positions": counting[0] if counting else None}


def _counts_up(tensor: NDArray[Any]) -> bool:
    first, second, third = (*tensor.flat[:3].tolist(), 0, 0, 0)[:3]
    return bool(first + 1 == second == third - 1)


def _told(tensors: Sequence[NDArray[Any]]) -> dict[str, int]:
    """Return what the tensors' first numbers tell of them; empty where they do not."""
    first = [tensor.flat[0] if tensor.size else None for tensor in tensors]
    masks = [index for index, value in enumerate(first) if index and value == 1]
    types = [
        index
        for index, value in enumerate(first)
        if index and value == 0 and not _counts_up(tensors[index])
    ]
    return {"ids": 0, "types": types[0], "mask": masks[0]} if masks and types else {}
