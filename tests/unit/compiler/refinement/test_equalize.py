# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper

from vackit.compiler.graph import copy_model
from vackit.compiler.passes import run_float_passes
from vackit.compiler.placement import place
from vackit.compiler.refinement.channel_groups import ChannelGroups
from vackit.compiler.refinement.channel_noise import Channels, measure_channels
from vackit.compiler.refinement.equalize import apply, clip_limits, equalize, room_below
from vackit.testing import tiny_models
from vackit.testing.tiny_models import Builder

Run = Callable[..., dict[str, Any]]
IMAGE = {"input": ("N", 3, 8, 8)}


def _samples(count: int = 8) -> list[dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(0)
    return [{"input": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(count)]


def _spread_chain(activation: str = "Relu", factor: float = 30.0) -> onnx.ModelProto:
    """Conv, activation, depthwise, pointwise; channel 0 dwarfs the others."""
    build = Builder()
    # what reads an image itself would stay in float
    build.add("Tanh", ["input"], "inner")
    build.conv("inner", "a", (3, 8))
    if activation == "Clip":
        build.weight("zero", np.array(0, np.float32))
        build.weight("six", np.array(6, np.float32))
        build.add("Clip", ["a", "zero", "six"], "b")
    elif activation == "PRelu":
        build.weight("slope", np.linspace(-0.1, 0.4, 8, dtype=np.float32).reshape(8, 1, 1))
        build.add("PRelu", ["a", "slope"], "b")
    else:
        build.add(activation, ["a"], "b")
    build.conv("b", "c", (8, 8), group=8)
    build.conv("c", "output", (8, 4), kernel=1)
    model = build.model(IMAGE, {"output": ("N", 4, 8, 8)})
    for tensor in model.graph.initializer:
        if tensor.name in ("a.weight", "a.bias"):
            values = numpy_helper.to_array(tensor).copy()
            values[0] *= factor
            tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))
    return model


def _equalized(model: onnx.ModelProto, *, per_channel: bool) -> int:
    placement = place(model)
    channels = measure_channels(model, list(placement.groups), _samples(), "m")
    return equalize(model, placement, channels, per_channel=per_channel)


def _weights(model: onnx.ModelProto, name: str) -> NDArray[Any]:
    return next(numpy_helper.to_array(t) for t in model.graph.initializer if t.name == name)


def _largest_difference(one: onnx.ModelProto, other: onnx.ModelProto, run: Run) -> float:
    worst = 0.0
    for sample in _samples():
        want, got = run(one, **sample)["output"], run(other, **sample)["output"]
        worst = max(worst, float(np.abs(got - want).max() / np.abs(want).max()))
    return worst


def test_groups_bind_what_a_relu_hands_on_and_part_at_convolutions() -> None:
    groups = ChannelGroups(_spread_chain())
    np.testing.assert_array_equal(groups.values["a"], groups.values["b"])
    assert not set(groups.values["b"]) & set(groups.values["c"])
    assert groups.fixed[groups.values["input"]].all()
    assert groups.fixed[groups.values["output"]].all()
    assert not groups.fixed[groups.values["b"]].any()


@pytest.mark.parametrize("activation", ["Sigmoid", "Tanh", "HardSwish"])
def test_groups_fix_what_a_curved_activation_reads(activation: str) -> None:
    build = Builder()
    build.conv("input", "a", (3, 8))
    build.add(activation, ["a"], "b")
    build.conv("b", "output", (8, 4), kernel=1)
    groups = ChannelGroups(build.model(IMAGE, {"output": ("N", 4, 8, 8)}, opset=14))
    assert groups.fixed[groups.values["a"]].all()
    assert groups.fixed[groups.values["b"]].all()


def test_groups_demand_one_factor_of_what_an_add_joins() -> None:
    model = tiny_models.residual()
    run_float_passes(model, "m")
    groups = ChannelGroups(model)
    add = next(node for node in model.graph.node if node.op_type == "Add")
    first, second = (groups.values[name] for name in add.input)
    np.testing.assert_array_equal(first, second)
    np.testing.assert_array_equal(first, groups.values[add.output[0]])


def test_groups_fix_channels_behind_weights_that_two_nodes_share() -> None:
    build = Builder()
    build.conv("input", "a", (3, 4))
    build.add("Conv", ["a", build.normal("w", 4, 4, 1, 1)], "b", kernel_shape=[1, 1])
    build.add("Conv", ["b", "w"], "output", kernel_shape=[1, 1])
    groups = ChannelGroups(build.model(IMAGE, {"output": ("N", 4, 8, 8)}))
    assert groups.fixed[groups.values["a"]].all()
    assert groups.fixed[groups.values["b"]].all()


def test_apply_multiplies_and_divides_by_hand_checked_factors() -> None:
    model = _spread_chain(factor=1.0)
    before = copy_model(model)
    groups = ChannelGroups(model)
    factors = np.ones(len(groups.fixed))
    factors[groups.values["b"][2]] = 4.0
    apply(model, groups, factors)
    np.testing.assert_array_equal(
        _weights(model, "a.weight")[2], _weights(before, "a.weight")[2] * 4
    )
    np.testing.assert_array_equal(_weights(model, "a.bias")[2], _weights(before, "a.bias")[2] * 4)
    np.testing.assert_array_equal(
        _weights(model, "c.weight")[2], _weights(before, "c.weight")[2] / 4
    )
    np.testing.assert_array_equal(_weights(model, "c.bias"), _weights(before, "c.bias"))
    np.testing.assert_array_equal(
        _weights(model, "output.weight"), _weights(before, "output.weight")
    )


@pytest.mark.parametrize("per_channel", [True, False], ids=["per_channel", "per_tensor"])
@pytest.mark.parametrize("make", [_spread_chain, tiny_models.residual, tiny_models.shuffle_block])
def test_equalize_keeps_the_outputs(
    make: Callable[[], onnx.ModelProto], per_channel: bool, run: Run
) -> None:
    model = make()
    run_float_passes(model, "m")
    before = copy_model(model)
    _equalized(model, per_channel=per_channel)
    # float32 rounds the scaled weights anew
    assert _largest_difference(before, model, run) < 1e-5


def test_equalize_evens_out_the_ranges_of_channels() -> None:
    model = _spread_chain()
    before = np.abs(_weights(model, "a.weight")).max(axis=(1, 2, 3))
    assert _equalized(model, per_channel=True) >= 1
    after = np.abs(_weights(model, "a.weight")).max(axis=(1, 2, 3))
    assert after.max() / after.min() < 0.5 * before.max() / before.min()


@pytest.mark.parametrize("activation", ["LeakyRelu", "PRelu"])
def test_equalize_goes_through_leaky_activations(activation: str, run: Run) -> None:
    original = _spread_chain(activation)
    model = copy_model(original)
    assert _equalized(model, per_channel=True) >= 1
    weights = [np.abs(_weights(m, "a.weight")).max(axis=(1, 2, 3)) for m in (original, model)]
    spread = [largest.max() / np.median(largest) for largest in weights]
    assert spread[1] < 0.5 * spread[0]
    # float32 products of powers that are not of two
    assert _largest_difference(original, model, run) < 1e-5


def test_groups_fix_what_computed_slopes_multiply() -> None:
    build = Builder()
    build.conv("input", "a", (3, 8))
    build.conv("input", "slopes", (3, 8))
    build.add("PRelu", ["a", "slopes"], "b")
    build.conv("b", "output", (8, 4), kernel=1)
    groups = ChannelGroups(build.model(IMAGE, {"output": ("N", 4, 8, 8)}))
    for name in ("a", "slopes", "b"):
        assert groups.fixed[groups.values[name]].all()


def test_equalize_brings_a_lone_loud_channel_down_to_the_others() -> None:
    model = _spread_chain(factor=60.0)
    _equalized(model, per_channel=True)
    after = np.abs(_weights(model, "a.weight")).max(axis=(1, 2, 3))
    # the power of three quarters alone leaves 2.7
    assert after[0] < 2 * np.median(after)


def test_equalize_leaves_even_channels_as_they_are_behind_a_fixed_value() -> None:
    model = tiny_models.conv()
    before = model.SerializeToString()
    assert _equalized(model, per_channel=True) == 0
    assert model.SerializeToString() == before


def test_equalize_twice_from_the_same_model_gives_the_same_bytes() -> None:
    one, other = _spread_chain("Clip"), _spread_chain("Clip")
    for model in (one, other):
        _equalized(model, per_channel=False)
    assert one.SerializeToString() == other.SerializeToString()


def test_equalize_keeps_what_a_clip_makes_of_the_samples(run: Run) -> None:
    model = _spread_chain("Clip")
    before = copy_model(model)
    _equalized(model, per_channel=True)
    assert _largest_difference(before, model, run) < 1e-5


def test_room_below_leaves_half_as_much_again_and_spares_rare_channels() -> None:
    highs = np.array([[3.0, 0.1, 6.0, 0.0], [2.0, 0.2, 6.0, 0.0]])
    np.testing.assert_allclose(room_below(highs, 6.0), [4.5, 6.0, 6.0, 6.0])


def _limits_of(highs: NDArray[np.float64]) -> NDArray[np.float64]:
    model = _spread_chain("Clip")
    largest = highs.max(axis=0)
    channels = {"b": Channels(np.zeros(8), largest, highs, np.ones(8))}
    reach, limit = clip_limits(model, channels)["b"]
    assert limit == 6.0
    return reach


def test_clip_limits_come_down_when_halves_of_the_samples_agree() -> None:
    np.testing.assert_allclose(_limits_of(np.full((8, 8), 2.0)), 3.0)


def test_clip_limits_stay_when_one_half_goes_beyond_the_other() -> None:
    highs = np.full((8, 8), 2.0)
    highs[3, 0] = 5.0
    np.testing.assert_allclose(_limits_of(highs), 6.0)


def test_clip_limits_stay_when_there_is_one_sample() -> None:
    np.testing.assert_allclose(_limits_of(np.full((1, 8), 2.0)), 6.0)
