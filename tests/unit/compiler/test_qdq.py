# SPDX-License-Identifier: Apache-2.0
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime as ort
import pytest
from onnx import numpy_helper

from vackit.compiler.calibration.ranges import measure_ranges
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import merged
from vackit.compiler.passes import run_float_passes
from vackit.compiler.placement import place
from vackit.compiler.qdq import insert_qdq
from vackit.compiler.quantize import activation_scale
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]
SHAPE = [1, 3, 8, 8]


def _images(count: int = 16) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.random.default_rng(0).standard_normal((count, 1, 3, 8, 8)).astype(np.float32)


def _quantized(
    model: onnx.ModelProto, *, per_channel: bool = True, excluded: frozenset[str] = frozenset()
) -> onnx.ModelProto:
    copy = copy_model(model)
    run_float_passes(copy, "m")
    placement = place(copy, excluded)
    samples = [("image", {"input": image}) for image in _images()]
    ranges = merged(measure_ranges(copy, list(placement.groups), samples, "m"), placement)
    scales = {n: activation_scale(*ranges[group]) for n, group in placement.groups.items()}
    insert_qdq(copy, placement, scales, per_channel=per_channel)
    onnx.checker.check_model(copy, full_check=True)
    return copy


def _fused_ops(model: onnx.ModelProto, folder: Path) -> Counter[str]:
    """Return the operators after ONNX Runtime's optimizations."""
    options = ort.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(folder / "optimized.onnx")
    ort.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized.onnx").graph.node)


def _sqnr(model: onnx.ModelProto, quantized: onnx.ModelProto, run: Run) -> float:
    signal = noise = 0.0
    for image in _images():
        want, got = run(model, input=image), run(quantized, input=image)
        assert list(want) == list(got)
        signal += sum(float((values**2).sum()) for values in want.values())
        noise += sum(float(((got[n] - values) ** 2).sum()) for n, values in want.items())
    return float(10 * np.log10(signal / noise))


@pytest.mark.parametrize("kind", sorted(set(tiny_models.MODELS) - {"identity"}))
@pytest.mark.parametrize("per_channel", [True, False], ids=["per-channel", "per-tensor"])
def test_insert_qdq_keeps_outputs_close(kind: str, per_channel: bool, run: Run) -> None:
    model = tiny_models.MODELS[kind](batch=1)
    quantized = _quantized(model, per_channel=per_channel)
    # 8 bits a value over a few layers: 30 dB are about 5 bits
    assert _sqnr(model, quantized, run) > 30
    assert list(quantized.graph.input) == list(model.graph.input)
    assert list(quantized.graph.output) == list(model.graph.output)


def test_insert_qdq_leaves_a_model_without_convolutions_alone(run: Run) -> None:
    model = tiny_models.identity()
    assert _quantized(model) == model


@pytest.mark.parametrize(
    ("kind", "integer"),
    [
        ("conv", {"QLinearConv": 1}),
        ("conv_bn_relu", {"QLinearConv": 1}),
        ("residual", {"QLinearConv": 2}),
        ("shuffle_block", {"QLinearConv": 4}),
        ("classifier", {"QLinearConv": 1, "QLinearGlobalAveragePool": 1, "QGemm": 1}),
    ],
)
def test_insert_qdq_is_fused_by_onnxruntime(
    kind: str, integer: dict[str, int], tmp_path: Path
) -> None:
    ops = _fused_ops(_quantized(tiny_models.MODELS[kind](batch=1)), tmp_path)
    assert {op: ops[op] for op in integer} == integer
    assert not ops["Conv"] + ops["FusedConv"] + ops["Gemm"]


def test_insert_qdq_fuses_clip_add_and_concat(tmp_path: Path, run: Run) -> None:
    build = tiny_models.Builder(seed=12)
    low, high = (build.weight(n, np.array(v, np.float32)) for n, v in (("lo", 0), ("hi", 0.7)))
    build.conv("input", "a", (3, 4))
    build.add("Clip", ["a", low, high], "a6")
    build.conv("a6", "b", (4, 4), group=2)
    build.add("Add", ["a6", "b"], "sum")
    build.add("Concat", ["sum", "b"], "both", axis=1)
    build.add("AveragePool", ["both"], "pool", kernel_shape=[2, 2], strides=[2, 2])
    build.add("MaxPool", ["pool"], "max", kernel_shape=[2, 2], strides=[2, 2])
    build.conv("max", "output", (8, 2))
    model = build.model({"input": SHAPE}, {"output": [1, 2, 2, 2]})
    quantized = _quantized(model)
    ops = _fused_ops(quantized, tmp_path)
    assert ops["QLinearConv"] == 3
    assert ops["QLinearAdd"] == ops["QLinearConcat"] == ops["QLinearAveragePool"] == 1
    assert not ops["Clip"] + ops["Conv"] + ops["FusedConv"]
    assert _sqnr(model, quantized, run) > 25


def test_insert_qdq_stores_integers(run: Run) -> None:
    quantized = _quantized(tiny_models.conv(batch=1))
    found = {t.name: numpy_helper.to_array(t) for t in quantized.graph.initializer}
    assert found["output.weight/int8"].dtype == np.int8
    assert found["output.bias/int32"].dtype == np.int32
    assert found["output.weight/scale"].shape == (4,)
    assert np.allclose(
        found["output.bias/int32/scale"], found["output.weight/scale"] * found["input/scale"]
    )
    assert not any(t.name in ("output.weight", "output.bias") for t in quantized.graph.initializer)


def test_insert_qdq_shares_weights_that_convolutions_share(run: Run) -> None:
    build = tiny_models.Builder(seed=13)
    weight = build.normal("w", 3, 3, 3, 3)
    build.add("Conv", ["input", weight], "first", pads=[1] * 4)
    build.add("Conv", ["first", weight], "output", pads=[1] * 4)
    model = build.model({"input": SHAPE}, {"output": SHAPE})
    quantized = _quantized(model)
    assert sum(t.name.startswith("w/int8") for t in quantized.graph.initializer) == 1
    assert _sqnr(model, quantized, run) > 25


def test_insert_qdq_keeps_excluded_nodes_float(tmp_path: Path, run: Run) -> None:
    model = tiny_models.residual(batch=1)
    quantized = _quantized(model, excluded=frozenset({"conv1_Conv"}))
    ops = _fused_ops(quantized, tmp_path)
    assert ops["QLinearConv"] == 1
    assert ops["Conv"] + ops["FusedConv"] == 1
    assert _sqnr(model, quantized, run) > _sqnr(model, _quantized(model), run)


def test_insert_qdq_keeps_an_output_that_is_read_inside(run: Run) -> None:
    model = tiny_models.two_outputs(batch=1)
    names = [value.name for value in _quantized(model).graph.output]
    assert names == ["output", "features"]


@pytest.mark.parametrize("trans_b", [0, 1])
def test_insert_qdq_finds_the_output_channels_of_gemm(trans_b: int, run: Run) -> None:
    build = tiny_models.Builder(seed=14)
    shape = (5, 192) if trans_b else (192, 5)
    # channels of very different size: one scale for all would lose the small ones
    weight = build.rng.standard_normal(shape) * np.geomspace(1e-3, 1, 5).reshape(
        (5, 1) if trans_b else (1, 5)
    )
    name = build.weight("w", weight.astype(np.float32))
    build.add("Flatten", ["input"], "flat", axis=1)
    build.add("Gemm", ["flat", name, build.normal("b", 5)], "output", transB=trans_b)
    model = build.model({"input": SHAPE}, {"output": [1, 5]})
    quantized = _quantized(model)
    scale = next(t for t in quantized.graph.initializer if t.name == "w/scale")
    assert list(scale.dims) == [5]
    for image in _images(4):
        want = run(model, input=image)["output"]
        got = run(quantized, input=image)["output"]
        # 192 products of 8 bits each: a few hundredths of the spread of a channel
        spread = np.geomspace(1e-3, 1, 5) * np.sqrt(192)
        assert (np.abs(got - want) < 0.05 * spread).all()


def test_insert_qdq_stands_dead_channels(run: Run) -> None:
    model = tiny_models.conv(batch=1)
    weight = numpy_helper.to_array(model.graph.initializer[0]).copy()
    weight[0], weight[1] = 0, 1e-30
    model.graph.initializer[0].CopyFrom(numpy_helper.from_array(weight, "output.weight"))
    quantized = _quantized(model)
    for image in _images(4):
        want, got = (run(m, input=image)["output"] for m in (model, quantized))
        # one step of the output's scale, for values of up to 6
        assert np.abs(want - got)[:, :2].max() < 12 / 255
