# SPDX-License-Identifier: Apache-2.0
"""Tensors on their way into models: token tensors, tiles, matrices."""

import re
from typing import Any

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.inputs import plain_arrays, token_arrays
from vackit.errors import StreamError
from vackit.tensors import TensorSpec
from vackit.testing.program_models import flat_model, matrix_model, text_model, write_model
from vackit.vdsp.layout884 import tile_activation, tile_matrix

IDS, MASK, TYPES = [7, 8, 9, 0], [1, 1, 1, 0], [0, 0, 1, 0]
ZEROS = [0, 0, 0, 0]
EXPECTED = [[710, 810, 911, 0]]


def tensors(*rows: list[int]) -> list[vsx.Tensor]:
    return [vsx.from_numpy(np.array([row], np.int32), 0) for row in rows]


def run_text(names: tuple[str, ...], *rows: list[int]) -> Any:
    model = vsx.Model(write_model("text", text_model(names)), 1)
    graph = vsx.Graph()
    model_op = vsx.ModelOperator(model)
    graph.add_operators(vsx.Operator(vsx.OpType.BERT_EMBEDDING_OP), model_op)
    stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
    stream.register_operator_output(model_op)
    stream.build()
    return vsx.as_numpy(stream.run_sync([tensors(*rows)])[0][0]).tolist()


@pytest.mark.parametrize(
    "rows",
    [(IDS, TYPES, MASK), (IDS, MASK, TYPES), (IDS, TYPES, MASK, MASK, MASK, MASK),
     (IDS, MASK, TYPES, TYPES, TYPES, TYPES), (IDS, TYPES, ZEROS, MASK, ZEROS, ZEROS)],
    ids=["three", "three, mask second", "six", "six, mask second", "six, mask fourth"],
)  # fmt: skip
@pytest.mark.parametrize(
    "names",
    [("input_ids", "attention_mask", "token_type_ids"), ("ids", "mask", "segment_ids"),
     ("input.1", "my_mask", "my_type")],
    ids=["transformers", "short", "own"],
)  # fmt: skip
def test_tokens_find_the_inputs_by_name(names: tuple[str, ...], rows: Any) -> None:
    assert run_text(names, *rows) == EXPECTED


def test_tokens_leave_out_what_a_model_does_not_take() -> None:
    assert run_text(("input_ids", "attention_mask"), IDS, TYPES, MASK) == [[710, 810, 910, 0]]
    assert run_text(("input_ids",), IDS, TYPES, MASK) == [[700, 800, 900, 0]]
    assert run_text(("input_ids", "attention_mask"), IDS, MASK) == [[710, 810, 910, 0]]


def test_tokens_of_unknown_names_keep_their_order() -> None:
    assert run_text(("a", "b", "c"), IDS, TYPES, MASK) == [[701, 801, 911, 0]]


def test_tokens_keep_their_order_where_the_mask_starts_with_padding() -> None:
    ids, types, mask = [0, 0, 7, 8], [0, 0, 0, 1], [0, 0, 1, 1]
    names = ("input_ids", "attention_mask", "token_type_ids")
    assert run_text(names, ids, types, mask) == [[0, 0, 710, 811]]


def test_tokens_of_another_length_are_refused() -> None:
    with pytest.raises(StreamError, match=r"input_ids \[N, 4\] int64 takes a sample of shape"):
        run_text(("input_ids",), [1, 2, 3], [0, 0, 0], [1, 1, 1])


def test_too_few_tokens_are_refused() -> None:
    specs = [TensorSpec(name, (None, 4), "int64") for name in ("input_ids", "mask", "segments")]
    with pytest.raises(StreamError, match="no token tensor for the model's input segments"):
        token_arrays(tensors(IDS, MASK), specs)


def test_as_many_tensors_as_inputs_go_through_as_they_are() -> None:
    specs = [TensorSpec(f"x{i}", (1, 4), "float32") for i in range(6)]
    arrays = token_arrays(tensors(IDS, TYPES, MASK, MASK, MASK, TYPES), specs)
    assert [array.tolist()[0] for array in arrays] == [IDS, TYPES, MASK, MASK, MASK, TYPES]
    assert arrays[0].dtype == np.float32


def test_matrices_come_plain_or_in_tiles() -> None:
    model = vsx.Model(write_model("matrix", matrix_model(), max_batch=1))
    assert model.input_shape == [[20, 40]]
    graph = vsx.Graph()
    model_op = vsx.ModelOperator(model)
    graph.add_operators(model_op)
    stream = vsx.Stream(graph)
    stream.build()
    matrix = np.arange(800, dtype=np.float16).reshape(20, 40)
    for given in (matrix, matrix[np.newaxis], tile_matrix(matrix), tile_matrix(matrix)[np.newaxis]):
        (sample,) = stream.run_sync([[vsx.from_numpy(given)]])
        assert np.array_equal(vsx.as_numpy(sample[0]), matrix * 2)


def test_outputs_without_batch_axis_come_whole_in_any_batch() -> None:
    model_op = vsx.ModelOperator(vsx.Model(write_model("flat", flat_model(), max_batch=1), 4))
    graph = vsx.Graph()
    graph.add_operators(model_op)
    stream = vsx.Stream(graph)
    stream.build()
    arrays = [np.full((1, 3, 8, 8), i, np.float32) for i in range(6)]
    outputs = stream.run_sync([[vsx.from_numpy(array)] for array in arrays])
    for i, (tensor,) in enumerate(outputs):
        assert tensor.shape == [8, 8]
        assert (vsx.as_numpy(tensor) == 3 * i).all()


def test_inputs_that_do_not_fit_are_refused() -> None:
    spec = TensorSpec("x", (None, 3, 8, 8), "float32", "NCHW")
    with pytest.raises(StreamError, match=r"the model takes 1 inputs \(x \[N, 3, 8, 8\] float32\)"):
        plain_arrays(tensors(IDS, MASK), [spec])
    for shape in ((1, 2, 2, 1, 256), (3, 8, 9), (1, 1, 256)):
        message = re.escape(f"takes a sample of shape (1, 3, 8, 8), got {shape}")
        with pytest.raises(StreamError, match=message):
            plain_arrays([vsx.from_numpy(np.zeros(shape, np.float16))], [spec])


def test_matrices_may_have_the_padding_of_their_tiles() -> None:
    matrix = np.arange(20 * 40, dtype=np.float16).reshape(20, 40)
    padded = np.pad(matrix, ((0, 12), (0, 8)))
    spec = TensorSpec("x", (None, 20, 40), "float16")
    for given in (padded, padded[np.newaxis]):
        (made,) = plain_arrays([vsx.from_numpy(given, 0)], [spec])
        assert np.array_equal(made, matrix[np.newaxis])
    with pytest.raises(StreamError, match=r"takes a sample of shape \(1, 20, 40\), got \(36, 48\)"):
        plain_arrays([vsx.from_numpy(np.zeros((36, 48), np.float16), 0)], [spec])


@pytest.mark.parametrize("leading", [True, False], ids=["with N", "without N"])
def test_activations_come_in_tiles(leading: bool) -> None:
    array = np.random.default_rng(2).random((1, 6, 16, 20)).astype(np.float16)
    tiles = tile_activation(array)
    given = vsx.from_numpy(tiles if leading else tiles[0], 0)
    (made,) = plain_arrays([given], [TensorSpec("x", (None, 6, 16, 20), "float16")])
    np.testing.assert_array_equal(made, array)
