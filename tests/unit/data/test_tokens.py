# SPDX-License-Identifier: Apache-2.0
"""Which token tensor goes to which input, and npz files that hold inputs by name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.data.tokens import model_shapes, read_model_inputs, token_positions
from vackit.errors import DataError
from vackit.tensors import TensorSpec

IDS, TYPES, MASK = [[7, 8, 9]], [[0, 1, 1]], [[1, 1, 0]]
NAMES = ("input_ids", "attention_mask", "token_type_ids")


def specs(*names: str, dtype: str = "int64") -> list[TensorSpec]:
    return [TensorSpec(name, (None, 3), dtype) for name in names]


def file(folder: Path, arrays: dict[str, Any]) -> Path:
    write_npz(folder / "a.npz", {name: np.array(each, np.int32) for name, each in arrays.items()})
    return folder / "a.npz"


def numbered(*arrays: Any) -> dict[str, Any]:
    return {f"input_{index}": array for index, array in enumerate(arrays)}


@pytest.mark.parametrize(
    ("given", "positions"),
    [((IDS, TYPES, MASK), [0, 2, 1]), ((IDS, MASK, TYPES), [0, 1, 2]),
     ((IDS, TYPES, TYPES, MASK), [0, 3, 1]), ((IDS, MASK), [0, 1, None])],
    ids=["mask third", "mask second", "mask fourth", "no types"],
)  # fmt: skip
def test_token_positions_follow_names_and_values(given: Any, positions: Any) -> None:
    assert token_positions([np.array(each) for each in given], NAMES) == positions


@pytest.mark.parametrize(
    "names",
    [("segment_ids:0", "input_mask:0", "input_ids:0"),
     ("serving_default_input_type_ids:0", "serving_default_input_mask:0",
      "serving_default_input_word_ids:0"),
     ("TYPE_IDS", "attn_mask", "src_tokens")],
    ids=["bert", "serving", "others"],
)  # fmt: skip
def test_token_positions_know_what_exporters_call_inputs(names: tuple[str, ...]) -> None:
    given = [np.array(each) for each in (IDS, TYPES, MASK, MASK, MASK, MASK)]
    assert token_positions(given, names) == [1, 2, 0]


@pytest.mark.parametrize(
    "arrays",
    [numbered(IDS, MASK, TYPES), numbered(IDS, TYPES, MASK, MASK, MASK, MASK),
     {"extra": IDS, **dict(zip(NAMES, (IDS, MASK, TYPES), strict=True))}],
    ids=["three", "six", "named"],
)  # fmt: skip
def test_read_model_inputs_takes_what_programs_and_exporters_write(
    tmp_path: Path, arrays: dict[str, Any]
) -> None:
    found = read_model_inputs(file(tmp_path, arrays), specs(*NAMES))
    assert [array.tolist() for array in found] == [IDS, MASK, TYPES]


@pytest.mark.parametrize("named", [True, False], ids=["named", "numbered"])
def test_read_model_inputs_keep_their_order_where_padding_comes_first(
    tmp_path: Path, named: bool
) -> None:
    given = ([[0, 7, 8]], [[0, 1, 1]], [[int(named), 0, 0]])
    arrays = dict(zip(NAMES, given, strict=True)) if named else numbered(*given)
    found = read_model_inputs(file(tmp_path, arrays), specs(*NAMES))
    assert [array.tolist() for array in found] == list(given)


def test_read_model_inputs_take_empty_arrays_as_they_are(tmp_path: Path) -> None:
    found = read_model_inputs(file(tmp_path, numbered([], [], [])), specs(*NAMES))
    assert [array.shape for array in found] == [(0,)] * 3


def test_read_model_inputs_of_other_models_keep_their_order(tmp_path: Path) -> None:
    path = file(tmp_path, numbered(IDS, TYPES, MASK))
    found = read_model_inputs(path, specs(*NAMES, dtype="float32"))
    assert [array.tolist() for array in found] == [IDS, TYPES, MASK]
    assert len(read_model_inputs(path, specs("a", "b", "c", "d"))) == 3


def test_read_model_inputs_names_what_is_missing_or_broken(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no array named 'input_0' \(arrays: 'input_ids'\)"):
        read_model_inputs(file(tmp_path, {"input_ids": IDS}), specs(*NAMES))
    write_npz(tmp_path / "b.npz", {"x": np.array([np.nan])})
    with pytest.raises(DataError, match=r"array 'x' holds NaN or infinity"):
        read_model_inputs(tmp_path / "b.npz", specs("x", dtype="float32"))


def test_token_positions_know_positions_by_their_counting() -> None:
    names = ("input_ids", "token_type_ids", "position_ids", "attention_mask")
    six = [np.array(each) for each in (IDS, TYPES, MASK, MASK, MASK, MASK)]
    assert token_positions(six, names) == [0, 1, None, 2]
    six[3] = np.array([[2, 3, 4]])
    assert token_positions(six, names) == [0, 1, 3, 2]
    six[1] = np.array([[0, 1, 2]])
    six[3] = np.array(TYPES)
    assert token_positions(six, names) == [0, 3, 1, 2]


def test_read_model_inputs_keeps_the_order_of_what_is_no_text(tmp_path: Path) -> None:
    edges, types, mask = [[0, 1, 1], [1, 2, 0]], [[1, 0, 2]], [[0, 1, 1]]
    path = file(tmp_path, numbered(edges, types, mask))
    made = read_model_inputs(path, specs("edge_index", "edge_type", "node_mask"))
    assert [array.tolist() for array in made] == [edges, types, mask]


@pytest.mark.parametrize(
    ("given", "dtype", "count"),
    [([(1, 8)] * 6, "int64", 3), ([(1, 8)] * 5 + [(1, 9)], "int64", 6),
     ([(1, 8)] * 6, "float32", 6)],
    ids=["text", "differ", "no text"],
)  # fmt: skip
def test_model_shapes_leave_out_those_of_more_token_tensors(
    given: list[tuple[int, ...]], dtype: str, count: int
) -> None:
    assert list(model_shapes(given, specs(*NAMES, dtype=dtype))) == given[:count]
