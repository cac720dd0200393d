# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vackit.compiler.calibration.ranges import measure_ranges
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import merged
from vackit.compiler.passes import run_float_passes
from vackit.compiler.placement import Placement, place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import ActivationScale, activation_scale
from vackit.compiler.refinement import walk as walk_module
from vackit.compiler.refinement.reconstruct import reconstruct, settled_shift
from vackit.compiler.refinement.walk import Walk, bytes_kept
from vackit.testing import tiny_models
from vackit.testing.tiny_models import Builder

Run = Callable[..., dict[str, Any]]
Scales = dict[str, ActivationScale]


def _samples(count: int = 12) -> list[dict[str, NDArray[Any]]]:
    rng = np.random.default_rng(0)
    return [{"input": rng.standard_normal((1, 3, 8, 8)).astype(np.float32)} for _ in range(count)]


def _deep(seed: int = 3) -> onnx.ModelProto:
    """Return convolutions with biases that feed one another; the output is a mean."""
    build, source = Builder(seed), "input"
    for number in range(4):
        build.conv(source, f"c{number}", (3 if number == 0 else 8, 8), kernel=3)
        source = build.add("Relu", [f"c{number}"], f"r{number}")
    build.add("GlobalAveragePool", [source], "p")
    build.add("Flatten", ["p"], "f")
    build.add("Gemm", ["f", build.normal("w", 8, 5), build.normal("b", 5)], "output")
    return build.model({"input": ("N", 3, 8, 8)}, {"output": ("N", 5)})


def _quantized(
    model: onnx.ModelProto, per_channel: bool
) -> tuple[onnx.ModelProto, Placement, Scales]:
    placement = place(model)
    named = [("image", sample) for sample in _samples()]
    ranges = merged(measure_ranges(model, list(placement.groups), named, "m"), placement)
    scales = {n: activation_scale(*ranges[group]) for n, group in placement.groups.items()}
    copy = copy_model(model)
    insert_qdq(copy, placement, scales, per_channel=per_channel)
    return copy, placement, scales


def _error(model: onnx.ModelProto, quantized: onnx.ModelProto, run: Run) -> float:
    return float(
        np.mean(
            [
                ((run(model, **s)["output"] - run(quantized, **s)["output"]) ** 2).mean()
                for s in _samples(40)[12:]
            ]
        )
    )


@pytest.mark.slow
@pytest.mark.parametrize("per_channel", [True, False], ids=["per_channel", "per_tensor"])
def test_reconstruct_lowers_the_error_on_samples_it_has_not_seen(
    per_channel: bool, run: Run
) -> None:
    ratios = []
    for seed in range(8):
        model = _deep(seed)
        quantized, placement, scales = _quantized(model, per_channel)
        before = _error(model, quantized, run)
        done = reconstruct(model, quantized, placement, scales, _samples(), "m")
        onnx.checker.check_model(quantized, full_check=True)
        assert done == {"corrected_biases": 5, "compensated_weights": 4}
        ratios.append(_error(model, quantized, run) / before)
    # of one tiny network chance may decide; the geometric mean over eight was 0.5
    assert np.exp(np.mean(np.log(ratios))) < 0.8


def test_reconstruct_twice_gives_the_same_bytes() -> None:
    model = _deep()
    made = []
    for _ in range(2):
        quantized, placement, scales = _quantized(model, True)
        reconstruct(model, quantized, placement, scales, _samples(), "m")
        made.append(quantized.SerializeToString())
    assert made[0] == made[1]


@pytest.mark.parametrize(
    "make",
    [
        tiny_models.residual,
        tiny_models.shuffle_block,
        tiny_models.classifier,
        tiny_models.two_outputs,
        tiny_models.conv_bn_relu,
    ],
)
def test_reconstruct_leaves_a_valid_graph_of_every_form(
    make: Callable[[], onnx.ModelProto], run: Run
) -> None:
    model = make()
    run_float_passes(model, "m")
    quantized, placement, scales = _quantized(model, True)
    reconstruct(model, quantized, placement, scales, _samples(), "m")
    onnx.checker.check_model(quantized, full_check=True)
    for name, values in run(quantized, **_samples()[0]).items():
        want = run(model, **_samples()[0])[name]
        # eight bits of a tiny network: a twentieth of the largest output is far above them
        assert np.abs(values - want).max() <= 0.05 * max(np.abs(want).max(), 1e-3), name


def test_settled_shift_keeps_a_steady_shift_and_drops_chance() -> None:
    shifts = np.array([[1.0, 5.0], [1.0, -5.0], [1.0, 5.0], [1.0, -5.0]])
    np.testing.assert_array_equal(settled_shift(shifts), [1.0, 0.0])


def test_settled_shift_shrinks_by_the_variance_of_the_mean() -> None:
    # mean 2, variance 2 of two samples: variance of the mean 1, so 1 - 1/4 is kept
    np.testing.assert_allclose(settled_shift(np.array([[1.0], [3.0]])), [1.5])


def test_settled_shift_of_one_sample_is_none() -> None:
    np.testing.assert_array_equal(settled_shift(np.array([[3.0, -1.0]])), [0.0, 0.0])


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=20))
def test_settled_shift_never_exceeds_the_mean_nor_turns_its_sign(values: Sequence[float]) -> None:
    shifts = np.array(values)[:, np.newaxis]
    (shift,), mean = settled_shift(shifts), shifts.mean()
    assert abs(shift) <= abs(mean)
    assert shift * mean >= 0


def test_walk_holds_what_each_graph_computes_alone(run: Run) -> None:
    model = tiny_models.shuffle_block()
    run_float_passes(model, "m")
    quantized, placement, _ = _quantized(model, True)
    names = {name: f"{name}/quantized" for name in placement.groups}
    tapped = {}
    for kind, graph in (("float", model), ("integer", quantized)):
        whole = copy_model(graph)
        del whole.graph.output[:]
        made = {name for node in whole.graph.node for name in node.output}
        whole.graph.output.extend(onnx.ValueInfoProto(name=name) for name in sorted(made))
        tapped[kind] = run(whole, **_samples()[0])
    walk = Walk(model, quantized, names, "m")
    convs = [node for node in model.graph.node if node.op_type == "Conv"]
    stops = 0
    for node in walk.stops(convs, _samples()[:1]):
        source = node.input[0]
        if source != "input":
            np.testing.assert_array_equal(walk.floats[0][source], tapped["float"][source])
        got = walk.integers[0][names[source]].astype(np.int32)
        # where a whole graph fuses into integer kernels, ties may round the other way
        assert np.abs(got - tapped["integer"][names[source]].astype(np.int32)).max() <= 1
        stops += 1
    assert stops == len(convs) > 1


def test_bytes_kept_are_the_most_from_each_node_on() -> None:
    model = _deep()
    sizes = dict(zip([node.name for node in model.graph.node], bytes_kept(model), strict=True))
    # five bytes an element: the image or eight channels of 8x8 are the most that is kept
    assert sizes["c0_Conv"] == sizes["p_GlobalAveragePool"] == 5 * 8 * 64
    assert sizes["output_Gemm"] == 5 * 8


def test_walk_lets_samples_join_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    model = _deep()
    quantized, placement, _ = _quantized(model, True)
    names = {name: f"{name}/quantized" for name in placement.groups}
    nodes = [node for node in model.graph.node if node.op_type in ("Conv", "Gemm")]
    monkeypatch.setattr(walk_module, "BUDGET", 2 * max(bytes_kept(model)))
    small, counts = Walk(model, quantized, names, "m"), []
    for _ in small.stops(nodes, _samples()):
        counts.append(len(small.floats))
    assert counts == [2, 2, 2, 2, 12]
    monkeypatch.undo()
    large = Walk(model, quantized, names, "m")
    for _ in large.stops(nodes, _samples()):
        assert len(large.floats) == 12
    # those that joined are what they would be had they walked all the way
    for one, other in zip(
        small.floats + small.integers, large.floats + large.integers, strict=True
    ):
        assert one.keys() == other.keys()
        for name, values in one.items():
            np.testing.assert_array_equal(values, other[name])
