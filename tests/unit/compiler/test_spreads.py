# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
from onnx import numpy_helper

from vackit.compiler.placement import place
from vackit.compiler.spreads import Spread, evened, spreads
from vackit.testing import tiny_models


def _set(model: onnx.ModelProto, name: str, channel: int, factor: float) -> None:
    tensor = next(t for t in model.graph.initializer if t.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values[channel] *= factor
    tensor.CopyFrom(numpy_helper.from_array(values, name))


def test_spreads_finds_the_channel_that_stands_out() -> None:
    model = tiny_models.residual()
    _set(model, "conv2.weight", 5, 100.0)
    found = spreads(model, place(model))
    assert set(found) == {"conv1_Conv", "conv2_Conv"}
    assert found["conv2_Conv"].channel == 5
    # 72 normal weights a channel: their maxima are within a factor of 2 of each other
    assert 50 < found["conv2_Conv"].ratio < 200
    assert found["conv1_Conv"].ratio < 2


def test_spreads_reads_gemm_and_leaves_the_shapes_of_reshapes_alone() -> None:
    model = tiny_models.shuffle_block(batch=1)
    assert all(name.endswith("_Conv") for name in spreads(model, place(model)))
    model = tiny_models.classifier()
    assert set(spreads(model, place(model))) == {"conv_Conv", "output_Gemm"}


def test_spreads_of_nothing_but_zeros_is_one() -> None:
    model = tiny_models.conv()
    for channel in range(4):
        _set(model, "output.weight", channel, 0.0)
    assert spreads(model, place(model)) == {"output_Conv": Spread(0, 1.0)}


def test_evened_lists_what_lost_two_bits_or_more_the_widest_first() -> None:
    before = {"a": Spread(1, 8.0), "b": Spread(2, 200.0), "c": Spread(0, 3.0), "gone": Spread(0, 9)}
    after = {"a": Spread(0, 2.0), "b": Spread(3, 1.5), "c": Spread(0, 1.0)}
    assert evened(before, after) == {
        "b": {"channel": 2, "ratio_before": 200.0, "ratio_after": 1.5},
        "a": {"channel": 1, "ratio_before": 8.0, "ratio_after": 2.0},
    }
    assert list(evened(before, after)) == ["b", "a"]
    assert np.isclose(evened({"a": Spread(0, 4.0)}, {"a": Spread(0, 0.5)})["a"]["ratio_after"], 0.5)
