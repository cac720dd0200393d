# SPDX-License-Identifier: Apache-2.0
import dataclasses
from typing import Any

import numpy as np
import pytest
from onnx import helper
from tests.explain_networks import CHANNELS, change, feeds, loud_channel, network, quantized

from vackit.compiler.explain.blocks import Block, Step, Weights, find_blocks
from vackit.compiler.explain.causes import find_causes
from vackit.compiler.explain.evidence import Cause, Evidence, ratio_text
from vackit.compiler.explain.measure import BlockStatistics, measure
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.twins import Twins
from vackit.compiler.explain.value_causes import span_of


def _evidence(twins: Twins, name: str) -> Evidence:
    blocks = find_blocks(twins)
    measured = measure(twins, blocks, feeds(), {}).blocks
    index = [block.name for block in blocks].index(name)
    return Evidence(blocks[index], measured[index], {}, {})


def _kinds(causes: tuple[Cause, ...]) -> list[str]:
    return [cause.kind for cause in causes]


def _weights(floating: Any, **changes: Any) -> Weights:
    values = np.asarray(floating, np.float32)
    made = Weights(values, values, np.full(len(values), 0.01, np.float32), 0, 0, None, None)
    return dataclasses.replace(made, **changes)


def _block(op_type: str = "Conv", **changes: Any) -> Block:
    step = Step(0.1, 0, 0, 255, "scale")
    made = Block("node", op_type, None, None, "v", ("a", "b"), step, "v/quantized", None, (), False)
    return dataclasses.replace(made, **changes)


def _statistics(low: Any = (0.0,), high: Any = (1.0,)) -> BlockStatistics:
    statistics = BlockStatistics()
    statistics.add_range(np.stack([np.asarray(low), np.asarray(high)], axis=1).astype(np.float32))
    return statistics


def test_find_causes_of_a_healthy_block_is_rounding(twins: Twins) -> None:
    [cause] = find_causes(_evidence(twins, "conv1_Conv"))
    assert cause.kind == "rounding"
    assert "nothing out of the ordinary" in cause.text


def test_find_causes_names_a_loud_channel_and_its_number() -> None:
    model = network()
    loud_channel(model, 3, 6, 50.0)
    causes = find_causes(_evidence(quantized(model, per_channel=False), "conv3_Conv"))
    assert _kinds(causes)[:2] == ["outlier_channel", "weight_range_spread"]
    assert "output channel 6" in causes[0].text
    # with a scale for each channel what is left is the range of the values
    causes = find_causes(_evidence(quantized(model), "conv3_Conv"))
    assert _kinds(causes)[0] == "outlier_channel"
    assert "the values of channel 6" in causes[0].text


@pytest.mark.parametrize("per_channel", [True, False], ids=["channel", "tensor"])
def test_find_causes_names_an_outlier_weight(per_channel: bool) -> None:
    model = network()

    def spoil(values: Any) -> None:
        values[2, 5, 1, 1] = 40.0

    change(model, "conv3.weight", spoil)
    causes = find_causes(_evidence(quantized(model, per_channel=per_channel), "conv3_Conv"))
    assert "outlier_weight" in _kinds(causes)
    text = next(cause.text for cause in causes if cause.kind == "outlier_weight")
    assert "one weight of output channel 2 is 40" in text


def test_find_causes_names_weights_that_are_not_the_models() -> None:
    twins = quantized(network())
    tensor = next(t for t in twins.integer.graph.initializer if t.name == "conv3.weight/int8")
    values = np.frombuffer(tensor.raw_data, np.int8).reshape(CHANNELS, -1).copy()
    values[4] = -values[4]
    tensor.raw_data = values.tobytes()
    evidence = _evidence(twins, "conv3_Conv")
    changed = dataclasses.replace(evidence, changed=frozenset({"weights"}))
    causes = find_causes(changed)
    assert causes[0].kind == "foreign_weights"
    # what is as it was built is no fault, however far rounding went
    assert not any(cause.is_fault for cause in find_causes(evidence))
    assert "the integer weights of output channel 4 are not the float" in causes[0].text


def test_find_causes_tells_weights_that_were_cut_off_from_foreign_ones() -> None:
    floating = np.full((2, 1, 3, 3), 0.5, np.float32)
    floating[1] = 12.7
    weights = _weights(floating, integer=np.minimum(floating, 1.27))
    statistics = _statistics()
    statistics.by_weights.add(np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))
    causes = find_causes(Evidence(_block(weights=weights), statistics, {}, {}))
    assert causes[0].kind == "cut_weights"
    assert (
        "9 of its weights are cut off at the largest integer, by up to 10 times" in causes[0].text
    )


def test_find_causes_names_saturation() -> None:
    twins = quantized(network(), narrower={"relu1": 0.5})
    causes = find_causes(_evidence(twins, "conv1_Conv"))
    assert causes[0].kind == "saturation"
    assert "% of its values saturate: integers represent 0 to" in causes[0].text


def test_find_causes_says_that_relu6_is_clipped() -> None:
    clip = helper.make_node("Clip", ["x"], ["v"])
    statistics = _statistics(high=(60.0,))
    statistics.histogram[255] = 100
    statistics.num_saturated = 50
    cause = find_causes(Evidence(_block(activation=clip), statistics, {}, {}))[0]
    assert cause.text.startswith("50 % of its values behind ReLU6 saturate")


def test_find_causes_is_silent_about_ends_that_the_build_cut_off() -> None:
    statistics = _statistics(low=(-20.0,), high=(25.0,))
    statistics.histogram[0] = 100
    statistics.num_saturated = 50
    found = Evidence(_block(), statistics, {}, {})
    assert "saturation" in _kinds(find_causes(found))
    cut = dataclasses.replace(found, cut={"v": (-22.0, 25.5)})
    assert "saturation" not in _kinds(find_causes(cut))
    # these images go far beyond what was calibrated before anything was cut
    narrow = dataclasses.replace(found, cut={"v": (-22.0, 10.0)})
    assert "saturation" in _kinds(find_causes(narrow))


def test_find_causes_names_a_concat_of_unlike_ranges() -> None:
    ranges = {"a": (0.0, 25.5), "b": (-0.5, 0.5)}
    evidence = Evidence(_block("Concat"), _statistics(high=(25.5,)), ranges, {})
    [cause] = find_causes(evidence)
    assert cause.kind == "concat_mismatch"
    assert "'a' spans 25.5, 'b' 1 (25.5 times)" in cause.text
    near = dataclasses.replace(evidence, ranges={"a": (0.0, 25.5), "b": (-10.0, 0.5)})
    assert _kinds(find_causes(near)) == ["rounding"]


def test_find_causes_names_a_scale_shared_with_wider_values() -> None:
    groups = {"scale": ["v", "wide", "narrow"]}
    ranges = {"wide": (0.0, 25.5), "narrow": (0.0, 1.0)}
    [cause] = find_causes(Evidence(_block(), _statistics(), ranges, groups))
    assert cause.kind == "mismatched_scales"
    assert "shares its scale with 2 other values, of which 'wide' spans 25.5" in cause.text


def test_find_causes_names_a_concat_of_unlike_scales() -> None:
    fine, coarse = Step(0.01, 0, 0, 255, "a/scale"), Step(0.1, 0, 0, 255, "b/scale")
    block, statistics = _block("Concat"), _statistics(high=(25.5,))
    evidence = Evidence(block, statistics, {}, {}, steps={"a": fine, "b": coarse})
    [cause] = find_causes(evidence)
    assert cause.kind == "mismatched_scales"
    assert "joins scales far apart: 'b' has 0.1, 'a' 0.01 (10 times)" in cause.text
    same = dataclasses.replace(evidence, steps={"a": coarse, "b": coarse})
    assert _kinds(find_causes(same)) == ["rounding"]


def test_find_causes_names_a_range_that_nothing_fills() -> None:
    statistics = _statistics(high=(2.5,))
    statistics.histogram[0:25] = 100
    [cause] = find_causes(Evidence(_block(), statistics, {}, {}))
    assert cause.kind == "wide_range"
    assert "represent 0 to 25.5, these images give 0 to 2.5" in cause.text


def test_find_causes_tells_what_the_network_magnifies() -> None:
    statistics = _statistics(high=(25.5,))
    statistics.single.add(np.ones(4, np.float32), np.full(4, 0.999, np.float32))
    evidence = Evidence(_block(), statistics, {}, {}, at_outputs=Noise(1.0, 1.0, 1e-2))
    [cause] = find_causes(evidence)
    assert cause.kind == "amplified"
    assert "rounded well (60.0 dB)" in cause.text
    assert "magnify its error to 20.0 dB at the outputs" in cause.text


def test_find_causes_only_notes_a_loud_channel_with_a_scale_of_its_own() -> None:
    floating = np.full((4, 1, 3, 3), 0.5, np.float32)
    floating[2] = 50.0
    statistics = _statistics(high=(25.5,))
    statistics.by_weights.add(np.ones((4, 3), np.float32), np.full((4, 3), 0.9, np.float32))
    scale = floating[:, 0, 0, 0] / 127
    weights = _weights(floating, scale=scale)
    causes = find_causes(Evidence(_block(weights=weights), statistics, {}, {}))
    assert _kinds(causes) == ["rounding", "outlier_channel"]
    shared = dataclasses.replace(weights, scale=np.asarray(0.4, np.float32), axis=None)
    causes = find_causes(Evidence(_block(weights=shared), statistics, {}, {}))
    assert _kinds(causes)[0] == "outlier_channel"


def test_find_causes_names_rare_outliers() -> None:
    statistics = _statistics(high=(25.5,))
    statistics.histogram[[0, 10, 255]] = (5000, 5000, 1)
    [cause] = find_causes(Evidence(_block(), statistics, {}, {}))
    assert cause.kind == "rare_outliers"
    assert "99.9 % of its values lie in 11 of 256 steps" in cause.text


def test_find_causes_names_a_bias_that_sets_the_scale() -> None:
    weights = _weights(
        np.full((2, 1, 3, 3), 1e-4),
        floating_bias=np.array([5.0, 5.0], np.float32),
        integer_bias=np.array([5.0, 5.0], np.float32),
    )
    statistics = _statistics()
    statistics.by_weights.add(np.ones((2, 3), np.float32), np.zeros((2, 3), np.float32))
    causes = find_causes(Evidence(_block(weights=weights), statistics, {}, {}))
    assert causes[0].kind == "bias_overflow"
    assert "the bias of 2 of 2 output channels" in causes[0].text


def test_find_causes_notes_constant_channels_and_what_the_build_has_mended() -> None:
    evened = {"node": {"channel": 3, "ratio_before": 200.0, "ratio_after": 1.5}}
    statistics = _statistics(low=(0, 0, 0), high=(0, 25.5, 25.5))
    causes = find_causes(Evidence(_block(), statistics, {}, {}, evened))
    assert _kinds(causes) == ["rounding", "evened_channel", "constant_channels"]
    assert "output channel 3 had 200 times" in causes[1].text
    assert "1 of 3 channels never change" in causes[2].text


def test_find_causes_finds_nothing_in_what_is_too_small_to_judge() -> None:
    weights = _weights(np.full((2, 1, 1, 1), 0.5))
    block = _block(weights=weights, step=None)
    assert _kinds(find_causes(Evidence(block, _statistics(), {}, {}))) == ["rounding"]


@pytest.mark.parametrize(
    ("counts", "share", "span"),
    [
        ([0, 5, 5, 0], 1.0, 2),
        ([10, 0, 0, 1], 0.9, 1),
        ([1, 1, 1, 1], 1.0, 4),
        ([0, 0, 9, 0], 0.5, 1),
    ],
    ids=["middle", "most", "all", "one"],
)
def test_span_of_is_the_shortest(counts: list[int], share: float, span: int) -> None:
    assert span_of(np.array(counts), share) == span


def test_ratio_text_survives_zero() -> None:
    assert (ratio_text(3.0, 2.0), ratio_text(3.0, 0.0)) == ("1.5 times", "beyond any ratio")
