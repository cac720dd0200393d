# SPDX-License-Identifier: Apache-2.0
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper, numpy_helper

from vackit.artifact.store import REFERENCE_GRAPH_SUFFIX, open_artifact
from vackit.compiler.pipeline import build
from vackit.config.build import (
    BuildConfig,
    CustomFunc,
    DecodeImage,
    ExtraOps,
    Quantize,
)
from vackit.config.model_info import load_model_info
from vackit.errors import (
    ArtifactError,
    ConfigError,
    ModelError,
    UnsupportedOpError,
)
from vackit.testing import tiny_models

MakeConfig = Callable[..., BuildConfig]
Run = Callable[..., dict[str, Any]]


def _image(count: int = 3, dtype: type = np.float32) -> Any:
    return np.random.default_rng(1).uniform(0, 1, (count, 3, 8, 8)).astype(dtype)


@pytest.mark.parametrize("kind", sorted(tiny_models.MODELS))
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("batch", ["N", 1])
def test_build_compiles_every_tiny_model(
    make_config: MakeConfig, run: Run, kind: str, dtype: str, batch: str | int
) -> None:
    model = tiny_models.MODELS[kind](batch=batch)
    report = build(make_config(model, dtype))
    artifact = open_artifact(report.prefix)
    assert report.max_batch is None
    assert report.inputs == artifact.manifest.inputs
    assert [spec.shape[0] for spec in (*report.inputs, *report.outputs)] == [None] * (
        1 + len(model.graph.output)
    )
    x = _image(dtype=np.float16 if dtype == "fp16" else np.float32)
    got = run(artifact.graph_path, input=x)
    want = run(tiny_models.MODELS[kind](), input=x.astype(np.float32))
    # of the largest output: float32 rounding, 11 bits of float16, 8 bits over a few layers
    # and values a little beyond those of the calibration set
    limit = {"fp32": 1e-5, "fp16": 3e-3, "int8": 0.1}[dtype]
    for spec in report.outputs:
        assert got[spec.name].dtype == np.dtype(spec.dtype)
        size = float(np.abs(want[spec.name]).max())
        np.testing.assert_allclose(got[spec.name], want[spec.name], atol=limit * size)


def test_build_stores_the_float_twin_of_an_int8_graph_unless_told_not_to(
    make_config: MakeConfig, run: Run
) -> None:
    config = make_config(tiny_models.residual(), "int8")
    twin = open_artifact(build(config).prefix).path(REFERENCE_GRAPH_SUFFIX)
    got, want = run(twin, input=_image()), run(tiny_models.residual(), input=_image())
    # float32 rounding
    np.testing.assert_allclose(got["output"], want["output"], atol=1e-5)
    report = build(config, force=True, reference=False)
    assert REFERENCE_GRAPH_SUFFIX not in open_artifact(report.prefix).manifest.files


@pytest.mark.parametrize("per_channel", [True, False], ids=["per-channel", "per-tensor"])
@pytest.mark.parametrize("kind", ["conv_bn_relu", "classifier", "shuffle_block"])
def test_build_keeps_weights_to_7_bits_where_asked_to(
    make_config: MakeConfig, run: Run, kind: str, per_channel: bool
) -> None:
    quantize = Quantize(quantize_per_channel=per_channel, reduce_range=True)
    report = build(make_config(tiny_models.MODELS[kind](), "int8", quantize=quantize))
    artifact = open_artifact(report.prefix)
    assert artifact.manifest.quantization is not None
    assert artifact.manifest.quantization["reduce_range"] is True
    weights = [
        numpy_helper.to_array(tensor)
        for tensor in onnx.load(artifact.graph_path).graph.initializer
        if tensor.name.endswith("/int8")
    ]
    assert weights
    assert max(int(np.abs(weight.astype(int)).max()) for weight in weights) == 64
    x = _image()
    got = run(artifact.graph_path, input=x)["output"]
    want = run(tiny_models.MODELS[kind](), input=x)["output"]
    # 7 bits over a few layers, one scale for all channels in the worst case
    np.testing.assert_allclose(got, want, atol=0.15 * float(np.abs(want).max()))


def test_build_writes_the_artifact_behind_the_prefix(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    report = build(make_config(tiny_models.classifier(), "int8"))
    assert report.prefix == tmp_path / "deploy" / "tiny" / "mod"
    assert sorted(path.name for path in report.prefix.parent.iterdir()) == [
        "mod.calibration.json",
        "mod.float.onnx",
        "mod.float.onnx.data",
        "mod.model_info.json",
        "mod.onnx",
        "mod.onnx.data",
        "mod.vackit.json",
    ]
    assert load_model_info(report.prefix.parent / "mod.model_info.json").prefix == report.prefix
    text = (report.prefix.parent / "mod.vackit.json").read_text()
    assert str(tmp_path) not in text


def test_build_records_what_it_did(make_config: MakeConfig) -> None:
    report = build(make_config(tiny_models.conv_bn_relu(), "int8"))
    manifest = open_artifact(report.prefix).manifest
    folding = {"pass": "fold_batch_norm", "changes": 1, "nodes": {"BatchNormalization": -1}}
    assert folding in manifest.passes
    assert manifest.quantization is not None
    assert manifest.quantization["num_images"] == 12
    assert manifest.quantization["calibrate_mode"] == "max"
    assert set(manifest.quantization["ranges"]) == {"input", "output"}
    assert manifest.quantization["ranges"]["output"][0] == 0
    assert [op["type"] for op in manifest.preprocessing] == [
        "DecodeImage",
        "Resize",
        "Normalize",
        "ToTensor",
    ]
    assert set(manifest.tools) == {"vackit", "numpy", "onnx", "onnxruntime", "opencv"}
    data = report.to_json()
    assert data["calibration"]["num_images"] == 12
    assert data["calibrate_mode"] == "max"
    assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
def test_build_twice_gives_the_same_bytes(
    make_config: MakeConfig, tmp_path: Path, dtype: str
) -> None:
    config = make_config(tiny_models.shuffle_block(batch=1), dtype)
    first = build(config)
    again = build(config)
    assert again.unchanged
    assert not first.unchanged
    elsewhere = shutil.copytree(tmp_path / "images", tmp_path / "copy" / "images")
    shutil.copy(tmp_path / "model.onnx", tmp_path / "copy" / "m.onnx")
    moved = make_config(
        tmp_path / "copy" / "m.onnx",
        dtype,
        dataset={"path": elsewhere},
        workspace_path=tmp_path / "other",
    )
    for mine, theirs in zip(first.files, build(moved).files, strict=True):
        assert mine.read_bytes() == theirs.read_bytes()


def test_build_refuses_to_replace_a_different_artifact(make_config: MakeConfig) -> None:
    build(make_config(tiny_models.conv(), "fp32"))
    other = make_config(tiny_models.conv(), "fp16")
    with pytest.raises(ArtifactError, match=r"differs in dtype, inputs, outputs.*files"):
        build(other)
    assert not build(other, force=True).unchanged


def test_build_appends_softmax(make_config: MakeConfig, run: Run) -> None:
    for dtype in ("fp32", "int8"):
        config = make_config(tiny_models.classifier(), dtype, extra_ops=ExtraOps("softmax"))
        report = build(config, force=True)
        got = run(open_artifact(report.prefix).graph_path, input=_image())["output"]
        # float32 sums of ten probabilities
        np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-6)


def test_build_names_the_file_when_softmax_does_not_fit(make_config: MakeConfig) -> None:
    config = make_config(tiny_models.two_outputs(), extra_ops=ExtraOps("softmax"))
    with pytest.raises(ModelError, match=r"model\.onnx: graph\.extra_ops softmax needs a model"):
        build(config)


def test_build_leaves_no_weights_to_be_dequantized_at_every_run(
    make_config: MakeConfig, tmp_path: Path
) -> None:
    model = tiny_models.classifier()
    gemm = model.graph.node[-1]
    weight = next(t for t in model.graph.initializer if t.name == gemm.input[1])
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight).T.copy(), weight.name))
    model.graph.node.extend(
        [
            helper.make_node("MatMul", gemm.input[:2], ["product"], name="fc"),
            helper.make_node("Add", ["product", gemm.input[2]], ["output"], name="fc_bias"),
        ]
    )
    model.graph.node.remove(gemm)
    prefix = build(make_config(model, "int8")).prefix
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(f"{prefix}.onnx", options)
    graph = onnx.load(tmp_path / "optimized.onnx", load_external_data=False).graph
    sizes = {tensor.name: np.prod(tensor.dims) for tensor in graph.initializer}
    assert "QGemm" in {node.op_type for node in graph.node}
    dequantized = [node.input[0] for node in graph.node if node.op_type == "DequantizeLinear"]
    assert [name for name in dequantized if sizes.get(name, 0) > 1] == []


def test_build_refuses_extra_ops_that_are_not_there(make_config: MakeConfig) -> None:
    config = make_config(tiny_models.classifier(), extra_ops=ExtraOps("centerpoint_nms"))
    with pytest.raises(UnsupportedOpError, match=r"'centerpoint_nms' is not available.*: softmax"):
        build(config)


@pytest.mark.parametrize("mode", ["max", "percentile", "kl_divergence", "mse"])
def test_build_calibrates_in_every_mode(make_config: MakeConfig, mode: str) -> None:
    config = make_config(tiny_models.conv(), "int8", quantize=Quantize(calibrate_mode=mode))
    report = build(config)
    assert report.calibrate_mode == mode
    assert report.calibration is not None
    assert report.calibration["calibrate_mode"] == mode


@pytest.mark.parametrize("choice", [0, "conv1_Conv"], ids=str)
def test_build_keeps_skipped_convolutions_float(make_config: MakeConfig, choice: int | str) -> None:
    quantize = Quantize(skip_conv_layers=(choice,))
    report = build(make_config(tiny_models.residual(), "int8", quantize=quantize))
    manifest = open_artifact(report.prefix).manifest
    assert manifest.quantization is not None
    assert manifest.quantization["float_nodes"] == ["conv1_Conv"]
    graph = onnx.load(report.files[0], load_external_data=False).graph
    assert [t.name for t in graph.initializer if t.name.endswith("/int8")] == ["conv2.weight/int8"]


def test_build_refuses_to_skip_what_is_not_there(make_config: MakeConfig) -> None:
    quantize = Quantize(exclude_layers=("conv9_Conv",))
    with pytest.raises(UnsupportedOpError, match=r"tiny\.yaml: .*'conv9_Conv' is no node"):
        build(make_config(tiny_models.residual(), "int8", quantize=quantize))


def test_build_keeps_a_batch_that_cannot_be_freed(make_config: MakeConfig) -> None:
    build_model = tiny_models.Builder()
    build_model.add("ReduceMean", ["input"], "mean", axes=[0], keepdims=1)
    build_model.add("Sub", ["input", "mean"], "rest")
    build_model.add("Add", ["rest", "input"], "output")
    model = build_model.model({"input": [1, 3, 8, 8]}, {"output": [1, 3, 8, 8]})
    report = build(make_config(model))
    assert report.max_batch == 1
    assert report.inputs[0].shape == (1, 3, 8, 8)


def test_build_takes_channels_last_models_as_nchw(make_config: MakeConfig, run: Run) -> None:
    builder = tiny_models.Builder(seed=7)
    builder.add("Transpose", ["input"], "nchw", perm=[0, 3, 1, 2])
    builder.conv("nchw", "output", (3, 4))
    model = builder.model({"input": ["N", 8, 8, 3]}, {"output": ["N", 4, 8, 8]})
    report = build(make_config(model, shape={"input": (1, 8, 8, 3)}))
    assert report.inputs[0].shape == (None, 3, 8, 8)
    assert report.inputs[0].layout == "NCHW"
    graph = onnx.load(report.files[0], load_external_data=False).graph
    assert [node.op_type for node in graph.node] == ["Conv"]
    x = _image()
    got = run(open_artifact(report.prefix).graph_path, input=x)["output"]
    want = run(model, input=x.transpose(0, 2, 3, 1))["output"]
    # float32 sums in another order
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_build_needs_consent_to_run_code(make_config: MakeConfig, tmp_path: Path) -> None:
    module = tmp_path / "process.py"
    module.write_text(
        "import numpy as np\n"
        "def get_image_data(image_file, input_shape=[1, 3, 8, 8]):\n"
        "    return np.ones(input_shape[1:], np.float32)\n"
    )
    ops = (CustomFunc(module, "get_image_data", (1, 3, 8, 8)),)
    with pytest.raises(ConfigError, match=r"tiny\.yaml: dataset\.process_ops\[0\].*not allowed"):
        build(make_config(tiny_models.conv(), "int8", dataset={"process_ops": ops}))
    config = make_config(tiny_models.conv(), "int8", dataset={"process_ops": ops})
    report = build(config, allow_code=True)
    manifest = open_artifact(report.prefix).manifest
    assert manifest.preprocessing[0]["module"] == "process.py"
    # a float build needs no images, and runs none of the code
    build(make_config(tiny_models.conv(), dataset={"process_ops": ops}), force=True)


def test_build_of_floats_needs_no_working_process_ops(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    build(make_config(tiny_models.conv(), "fp32", dataset={"process_ops": (DecodeImage(),)}))
    assert "has no ToTensor" in caplog.text


def test_build_warns_when_nothing_is_quantized(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    build(make_config(tiny_models.identity(), "int8"))
    assert "no Conv, Gemm or MatMul to quantize: all stays float" in caplog.text


def test_build_warns_of_values_that_never_change(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    model = tiny_models.conv()
    for tensor in model.graph.initializer:
        values = np.zeros(list(tensor.dims), np.float32)
        tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    build(make_config(model, "int8"))
    assert "1 value never changes over the calibration set, e.g. 'output'" in caplog.text


@pytest.mark.parametrize("opset", [7, 9, 11, 12, 15, 18, 21])
@pytest.mark.parametrize("dtype", ["fp32", "int8"])
def test_build_takes_every_opset(make_config: MakeConfig, run: Run, opset: int, dtype: str) -> None:
    model = _of_opset(opset)
    report = build(make_config(model, dtype))
    assert report.max_batch is None
    got = run(open_artifact(report.prefix).graph_path, input=_image())["output"]
    alone = [run(model, input=image[None])["output"] for image in _image()]
    # float32 rounding; three quantized layers
    limit = 1e-5 if dtype == "fp32" else 0.05
    np.testing.assert_allclose(got, np.concatenate(alone), atol=limit)


def _of_opset(opset: int) -> onnx.ModelProto:
    """Return a model with a fixed batch; before opset 9 its weights are listed as inputs."""
    builder = tiny_models.Builder(seed=15)
    builder.conv("input", "conv", (3, 6), group=3)
    if opset < 11:
        builder.add("Clip", ["conv"], "clip", min=0.0, max=1.0)
    else:
        low, high = (builder.weight(f"bound{n}", np.array(n, np.float32)) for n in (0, 1))
        builder.add("Clip", ["conv", low, high], "clip")
    builder.add("GlobalAveragePool", ["clip"], "pool")
    builder.add("Reshape", ["pool", builder.weight("shape", np.array([1, 6], np.int64))], "flat")
    weight, bias = builder.normal("fc.weight", 6, 5), builder.normal("fc.bias", 5)
    builder.add("Gemm", ["flat", weight, bias], "output")
    model = builder.model({"input": [1, 3, 8, 8]}, {"output": [1, 5]}, opset)
    if opset < 9:
        model.ir_version = 3
        model.graph.input.extend(
            helper.make_tensor_value_info(t.name, t.data_type, list(t.dims))
            for t in model.graph.initializer
        )
    return model


def test_build_names_the_file_when_a_weight_is_beyond_float16(make_config: MakeConfig) -> None:
    model = tiny_models.conv()
    weight = np.full((4, 3, 3, 3), 1e6, np.float32)
    model.graph.initializer[0].CopyFrom(onnx.numpy_helper.from_array(weight, "output.weight"))
    with pytest.raises(ModelError, match=r"model\.onnx: initializer 'output\.weight' holds 1e\+06"):
        build(make_config(model, "fp16"))
