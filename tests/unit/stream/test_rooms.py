# SPDX-License-Identifier: Apache-2.0
"""Batches that are prepared where the model reads them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.errors import DataError
from vackit.stream.graph import Graph, make_graph
from vackit.stream.model_operator import ModelOperator
from vackit.stream.operators import Tensors, prepared
from vackit.stream.stream import Stream
from vackit.tensors import TensorSpec
from vackit.testing.tiny_artifacts import write_tiny_artifact

VDSP = VdspParams("FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR", norma_type="DIV255")
IMAGES = np.random.default_rng(0).integers(0, 256, (7, 3, 20, 30), np.uint8)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    program = get_device("onnxrt").load(write_tiny_artifact(tmp_path / "mod", "identity"))
    return make_graph(program, VDSP)


class Watched(ModelOperator):
    """Notes whether what it got lay in one piece, one sample behind the other."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self.in_place: list[bool] = []

    def __call__(self, batch: Any) -> list[Tensors]:
        addresses = [tensors[0].__array_interface__["data"][0] for tensors in batch]
        gaps = set(np.diff(addresses).tolist())
        self.in_place.append(gaps <= {batch[0][0].nbytes})
        return super().__call__(batch)


def expected(graph: Graph, image: NDArray[np.uint8]) -> NDArray[Any]:
    return graph.model([graph.prepare(image, {})])[0][0]


def test_images_of_a_batch_are_prepared_in_one_piece(graph: Graph) -> None:
    watched = Watched(graph.model.program)
    with Stream(Graph(graph.prepare, watched), max_batch=3, max_delay_us=None) as stream:
        results = [one[0].copy() for one in stream.map(IMAGES)]
    assert watched.in_place == [True, True, True]
    for result, image in zip(results, IMAGES, strict=True):
        np.testing.assert_array_equal(result, expected(graph, image))


def test_images_behind_a_reader_are_prepared_in_one_piece(graph: Graph) -> None:
    watched = Watched(graph.model.program)
    reading = Graph(graph.prepare, watched).after(lambda index: IMAGES[index], str)
    with Stream(reading, max_batch=7, max_delay_us=None) as stream:
        results = [one[0].copy() for one in stream.map(range(7))]
    assert watched.in_place == [True]
    for result, image in zip(results, IMAGES, strict=True):
        np.testing.assert_array_equal(result, expected(graph, image))


def test_an_image_that_fails_leaves_no_gap(graph: Graph) -> None:
    samples = [IMAGES[0], np.zeros((5, 5), np.uint8), IMAGES[1], IMAGES[2]]
    with Stream(graph, max_batch=4, max_delay_us=None) as stream:
        futures = [stream.submit(sample) for sample in samples]
        with pytest.raises(DataError):
            futures.pop(1).result()
        for future, image in zip(futures, IMAGES, strict=False):
            np.testing.assert_array_equal(future.result()[0], expected(graph, image))


def test_results_outlive_the_next_batch(graph: Graph) -> None:
    with Stream(graph, max_batch=2, max_delay_us=None) as stream:
        futures = [stream.submit(image) for image in IMAGES[:6]]
        results = [future.result()[0] for future in futures]
    for result, image in zip(results, IMAGES, strict=False):
        np.testing.assert_array_equal(result, expected(graph, image))


def test_rooms_are_rows_of_one_piece_of_every_input(make_program: Any) -> None:
    inputs = (TensorSpec("a", (None, 2), "float32"), TensorSpec("b", (None, 3), "float16"))
    rooms = ModelOperator(make_program(inputs)).rooms(2)
    assert [[one.shape for one in room] for room in rooms] == [[(1, 2), (1, 3)]] * 2
    assert [one.dtype for one in rooms[0]] == [np.float32, np.float16]
    assert rooms[0][0].base is rooms[1][0].base is not None


def test_rooms_are_none_where_nothing_is_joined(make_program: Any) -> None:
    operator = ModelOperator(make_program((TensorSpec("x", (None, 3), "float32"),)))
    assert operator.rooms(1) == []
    small, large = (1, 3, 8, 8), (1, 3, 16, 16)
    dynamic = (TensorSpec("x", (None, 3, None, None), "float32", smallest=small, largest=large),)
    assert ModelOperator(make_program(dynamic)).rooms(2) == []


def test_prepared_leaves_the_room_where_an_operator_cannot_use_it() -> None:
    def operator(sample: Any, params: Any) -> Tensors:
        return [np.asarray([sample])]

    room = [np.zeros((1,))]
    (made,) = prepared(operator, 2.0, {}, room)
    assert made.tolist() == [2.0]
    assert room[0].tolist() == [0.0]
