# SPDX-License-Identifier: Apache-2.0
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.statistics import Statistics
from vackit.compiler.calibration.taps import block_size, bounds_of, tap
from vackit.compiler.running import open_session, run
from vackit.errors import CalibrationError

SAMPLES = 4096
NUM_IMAGES = 9
SHAPE = (1, 16, 64, 72)
NAMES = ["x", "conv", "relu", "pooled"]
Floats = NDArray[np.float32]


def _model(shape: tuple[Any, ...] = SHAPE, first: str = "Conv") -> onnx.ModelProto:
    """Return ``first`` -> Relu -> global average pool."""
    weights = np.random.default_rng(3).standard_normal((16, 16, 1, 1)).astype(np.float32)
    nodes = [
        helper.make_node(first, ["x", "w"] if first == "Conv" else ["x"], ["conv"]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("GlobalAveragePool", ["relu"], ["pooled"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(weights, "w")] if first == "Conv" else [],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)


def _image(index: int, shape: tuple[int, ...] = SHAPE) -> Floats:
    image = np.random.default_rng(index).standard_normal(shape, np.float32)
    return image * np.float32(1 + index % 4)


def _whole(image: Floats, shape: tuple[Any, ...] = SHAPE) -> dict[str, Floats]:
    """Return all elements of every value of `_model`."""
    model = _model(shape)
    for name in ("conv", "relu"):
        model.graph.output.append(onnx.ValueInfoProto(name=name))
    return {"x": image, **run(open_session(model, "m"), {"x": image}, "m")}


def _samples(begin: int = 0) -> Iterator[tuple[str, dict[str, Floats]]]:
    for index in range(begin, NUM_IMAGES):
        yield f"img{index}", {"x": _image(index)}


def _fresh() -> State:
    return State(Statistics(len(NAMES), SAMPLES))


def _collector(**options: int) -> Collector:
    return Collector(_model(), NAMES, "m", samples=SAMPLES, **options)


def _same(one: Statistics, other: Statistics) -> bool:
    return all(
        np.array_equal(getattr(one, name), getattr(other, name))
        for name in ("low", "high", "exponent", "counts", "num_seen", "num_images")
    )


def test_tap_takes_one_element_of_each_block_as_it_is() -> None:
    tapped, taps = tap(_model(), NAMES, SAMPLES)
    image = _image(0)
    values = {"x": image, **run(open_session(tapped, "m"), {"x": image}, "m")}
    whole = _whole(image)
    assert [found.share for found in taps] == [1, 16, 16, 1]
    for name, found in zip(NAMES, taps, strict=True):
        got = found.elements(values)
        k = round(found.share**0.5)
        rows, columns = whole[name].shape[2] // k, whole[name].shape[3] // k
        blocks = whole[name].reshape(16, rows, k, columns, k).transpose(0, 2, 4, 1, 3)
        blocks = blocks.reshape(16, k * k, rows, columns)
        # 16 channels, blocks of 16: each channel takes another of their elements
        want = blocks[np.arange(16), np.arange(16) if k > 1 else 0]
        np.testing.assert_array_equal(got, want[np.newaxis])


def test_tap_tells_the_extremes_of_all_elements() -> None:
    state = _fresh()
    _collector().collect(_samples(), NUM_IMAGES, state)
    whole = [_whole(_image(index)) for index in range(NUM_IMAGES)]
    for index, name in enumerate(NAMES):
        assert state.total.low[index] == min(float(values[name].min()) for values in whole)
        assert state.total.high[index] == max(float(values[name].max()) for values in whole)
        assert state.total.num_seen[index] == sum(values[name].size for values in whole)


def test_tap_leaves_the_model_and_its_values_as_they_are() -> None:
    model = _model()
    before = model.SerializeToString()
    tapped, _ = tap(model, NAMES, SAMPLES)
    assert model.SerializeToString() == before
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(tapped, strict_mode=True))


@pytest.mark.parametrize("shape", [(1, 16, "H", "W"), (1, 16, 64, 67)], ids=["open", "prime"])
def test_tap_writes_out_whole_what_it_cannot_divide(shape: tuple[Any, ...]) -> None:
    state, image = _fresh(), _image(1, (1, 16, 64, 67))
    collector = Collector(_model(shape), NAMES, "m", samples=SAMPLES)
    collector.collect(iter([("img", {"x": image})]), 1, state)
    assert {found.share for found in tap(_model(shape), NAMES, SAMPLES)[1]} == {1}
    plain = _fresh().total
    for index, name in enumerate(NAMES):
        assert plain.observe(index, _whole(image, (1, 16, 64, 67))[name])
    plain.num_images = 1
    assert _same(state.total, plain)


@pytest.mark.parametrize("workers", [1, 3], ids="{}-workers".format)
@pytest.mark.parametrize("interval", [1, 4], ids="interval-{}".format)
def test_thinned_values_give_the_same_bits_however_the_work_is_divided(
    workers: int, interval: int
) -> None:
    one, other = _fresh(), _fresh()
    _collector(workers=1).collect(_samples(), NUM_IMAGES, one)
    _collector(workers=workers, interval=interval).collect(_samples(), NUM_IMAGES, other)
    assert _same(one.total, other.total)


def test_thinned_values_go_on_where_ctrl_c_stopped_them() -> None:
    def interrupted() -> Iterator[tuple[str, dict[str, Floats]]]:
        for sample, _ in zip(_samples(), range(5), strict=False):
            yield sample
        raise KeyboardInterrupt

    one, other = _fresh(), _fresh()
    with pytest.raises(KeyboardInterrupt):
        _collector().collect(interrupted(), NUM_IMAGES, one)
    assert one.total.num_images == 5
    _collector().collect(_samples(5), NUM_IMAGES, one)
    _collector().collect(_samples(), NUM_IMAGES, other)
    assert _same(one.total, other.total)


@pytest.mark.parametrize("place", [0, 1, 7 * 64 * 72 + 701, -1], ids="at-{}".format)
@pytest.mark.parametrize(
    ("kind", "usual", "bad"),
    [("Sqrt", 1.0, -1.0), ("Log", 1.0, 0.0), ("Exp", 1.0, 1000.0)],
    ids=["nan", "minus-infinity", "infinity"],
)
def test_one_element_that_is_not_finite_is_found_wherever_it_lies(
    kind: str, usual: float, bad: float, place: int
) -> None:
    model = _model(SHAPE, kind)
    spoilt = np.full(SHAPE, usual, np.float32)
    spoilt.flat[place] = bad
    samples = [("good", {"x": np.full(SHAPE, usual, np.float32)}), ("bad", {"x": spoilt})]
    assert tap(model, NAMES, SAMPLES)[1][1].share == 16
    collector = Collector(model, NAMES, "m", samples=SAMPLES)
    with pytest.raises(CalibrationError, match=r"^bad: value 'conv' holds NaN or infinity"):
        collector.collect(iter(samples), 2, _fresh())


@pytest.mark.parametrize(
    ("sizes", "samples", "want"),
    [
        ((96, 112, 112), 4194, 8),
        ((144, 56, 56), 4194, 8),
        ((384, 14, 14), 4194, 2),
        ((960, 7, 7), 4194, 1),
        ((96, 112, 112), 41943, 4),
        ((96, 112, 111), 4194, 1),
        ((64, 56, 28), 1600, 7),
    ],
    ids=str,
)
def test_block_size_leaves_the_elements_that_are_wanted(
    sizes: tuple[int, int, int], samples: int, want: int
) -> None:
    assert block_size(sizes, samples) == want


def test_bounds_of_knows_relu_and_constant_clips() -> None:
    nodes = [
        helper.make_node("Relu", ["x"], ["relu"]),
        helper.make_node("Clip", ["x", "zero", "six"], ["clip"]),
        helper.make_node("Clip", ["x", "", "six"], ["half"]),
        helper.make_node("Clip", ["x", "zero", "x"], ["open"]),
        helper.make_node("Neg", ["x"], ["neg"]),
    ]
    tensors = [
        numpy_helper.from_array(np.array(value, np.float32), name)
        for name, value in (("zero", 0), ("six", [6]))  # exporters write both
    ]
    graph = helper.make_graph(nodes, "g", [], [], tensors)
    assert bounds_of(graph) == {"relu": (0.0, np.inf), "clip": (0.0, 6.0)}
