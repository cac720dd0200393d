# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper
from tests.tiny_models import residual

from vackit.compiler.calibration.collect import (
    MAX_WORKERS,
    Collector,
    State,
    default_workers,
)
from vackit.compiler.calibration.statistics import Statistics
from vackit.errors import CalibrationError

NUM_IMAGES = 23
Samples = Iterator[tuple[str, dict[str, NDArray[Any]]]]


def _model() -> tuple[onnx.ModelProto, list[str]]:
    model = residual()
    return model, [model.graph.input[0].name, *(n.output[0] for n in model.graph.node)]


def _samples(begin: int = 0, end: int = NUM_IMAGES) -> Samples:
    name = _model()[0].graph.input[0].name
    for index in range(begin, end):
        rng = np.random.default_rng(index)
        scale = np.float32(1 + index % 5)
        yield f"img{index}", {name: rng.standard_normal((1, 3, 8, 8), np.float32) * scale}


def _fresh() -> State:
    return State(Statistics(len(_model()[1])))


def _collected(workers: int, interval: int) -> State:
    state = _fresh()
    Collector(*_model(), "m", workers=workers, interval=interval).collect(
        _samples(), NUM_IMAGES, state
    )
    return state


def assert_same(one: State, other: State) -> None:
    for name in ("low", "high", "exponent", "counts", "num_seen", "num_images"):
        np.testing.assert_array_equal(getattr(one.total, name), getattr(other.total, name))
    np.testing.assert_array_equal(one.early_low, other.early_low)
    np.testing.assert_array_equal(one.early_high, other.early_high)


@pytest.mark.parametrize("workers", [1, 2, 5], ids="{}-workers".format)
@pytest.mark.parametrize("interval", [1, 4, 64], ids="interval-{}".format)
def test_collect_gives_the_same_bits_however_the_work_is_divided(
    workers: int, interval: int
) -> None:
    state = _collected(workers, interval)
    assert state.total.num_images == NUM_IMAGES
    assert_same(state, _collected(1, NUM_IMAGES))


def test_collect_saves_at_every_interval_and_at_the_end() -> None:
    saved: list[int] = []
    Collector(*_model(), "m", interval=5).collect(
        _samples(), NUM_IMAGES, _fresh(), lambda state: saved.append(state.total.num_images)
    )
    assert saved == [5, 10, 15, 17, 20, 23]  # 17: three quarters, for the early extremes


@pytest.mark.parametrize("workers", [1, 3], ids="{}-workers".format)
@pytest.mark.parametrize("stop", [0, 1, 7, 18], ids="after-{}".format)
def test_collect_goes_on_where_ctrl_c_stopped_it(stop: int, workers: int) -> None:
    def interrupted() -> Samples:
        yield from _samples(0, stop)
        raise KeyboardInterrupt

    state, saved = _fresh(), []
    collector = Collector(*_model(), "m", workers=workers, interval=8)
    with pytest.raises(KeyboardInterrupt):
        collector.collect(
            interrupted(), NUM_IMAGES, state, lambda state: saved.append(state.total.num_images)
        )
    assert saved[-1] == state.total.num_images == stop
    collector.collect(_samples(stop), NUM_IMAGES, state)
    assert_same(state, _collected(1, NUM_IMAGES))


def test_collect_of_a_finished_set_runs_nothing() -> None:
    state = _collected(1, 64)
    Collector(*_model(), "m").collect(iter(()), NUM_IMAGES, state)
    assert state.total.num_images == NUM_IMAGES


def test_collect_names_the_first_image_whose_value_is_not_finite() -> None:
    node = helper.make_node("Sqrt", ["x"], ["root"])
    shape = [1, 4]
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("root", TensorProto.FLOAT, shape)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    saved: list[int] = []

    def samples() -> Samples:
        for index in range(8):
            value = -1.0 if index >= 5 else 1.0
            yield f"img{index}", {"x": np.full(shape, value, np.float32)}

    collector = Collector(model, ["x", "root"], "m", workers=3, interval=2)
    with pytest.raises(CalibrationError, match=r"^img5: value 'root' holds NaN or infinity"):
        collector.collect(
            samples(), 8, State(Statistics(2)), lambda state: saved.append(state.total.num_images)
        )
    assert saved == [2, 4]


def test_default_workers_are_few() -> None:
    assert 1 <= default_workers() <= MAX_WORKERS
