# SPDX-License-Identifier: Apache-2.0
"""The pass: what it leaves of a model, what it refuses, and whole builds with it."""

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vackit.artifact.store import open_artifact
from vackit.compiler.detection import DETECTION_OPS, append_nms
from vackit.compiler.graph import opset_of, shape_of
from vackit.compiler.passes import run_passes
from vackit.compiler.pipeline import build
from vackit.config.build import (
    Backend,
    BuildConfig,
    Dataset,
    DecodeImage,
    ExtraOps,
    Frontend,
    Normalize,
    Quantize,
    Resize,
    ToTensor,
)
from vackit.devices.registry import get_device
from vackit.errors import ModelError
from vackit.testing.detection.models import convolved, planted

Array = NDArray[Any]
PARAMS = {"num_classes": 3, "nms_threshold": 0.5, "confidence_threshold": 0.25}
ANCHORED = PARAMS | {"anchor": [10, 13, 16, 30, 33, 23]}
DTYPES = ["fp32", "fp16", "int8"]


def config_for(
    model: onnx.ModelProto, kind: str, params: dict[str, Any], dtype: Any
) -> BuildConfig:
    onnx.save(model, "model.onnx")
    ops = (DecodeImage(), Resize((64, 64)), Normalize(), ToTensor())
    return BuildConfig(
        name="detector",
        generation="current",
        frontend=Frontend("onnx", Path("model.onnx"), {"input": (1, 3, 64, 64)}),
        backend=Backend("tvm_vacc", dtype, Quantize()),
        extra_ops=ExtraOps(kind, params),
        dataset=Dataset(Path("images"), None, None, ops),
        workspace_path=Path(f"deploy_{dtype}"),
        source=Path("detector.yaml"),
    )


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("images").mkdir()
    rng = np.random.default_rng(0)
    for number in range(4):
        cv2.imwrite(f"images/{number}.png", rng.integers(0, 256, (64, 64, 3), np.uint8))


def infer(prefix: Path, batch: int) -> tuple[dict[str, Array], Any]:
    program = get_device(None).load(open_artifact(prefix))
    images = np.random.default_rng(1).uniform(0, 1, (batch, 3, 64, 64))
    spec = program.inputs[0]
    return program.infer({spec.name: images.astype(spec.dtype)}), program


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("kind", "params", "channels"),
    [("yolov5_nms", ANCHORED, 8), ("yolov8_nms", PARAMS, 67), ("yolox_nms", PARAMS, 8)],
    ids=["anchors", "distances", "yolox"],
)
def test_a_detector_builds_in_every_dtype_with_a_free_batch(
    kind: str, params: dict[str, Any], channels: int, dtype: str
) -> None:
    report = build(config_for(convolved(channels), kind, params, dtype))
    assert report.max_batch is None
    kept = "float32" if dtype != "fp16" else "float16"
    assert [str(spec) for spec in report.outputs] == [
        f"ids [N, 300] {kept}", f"scores [N, 300] {kept}", f"boxes [N, 300, 4] {kept}",
    ]  # fmt: skip
    together, program = infer(report.prefix, 3)
    assert (together["ids"] >= 0).any()
    images = np.random.default_rng(1).uniform(0, 1, (3, 3, 64, 64))
    for sample in range(3):
        alone = program.infer(
            {"input": images[sample : sample + 1].astype(program.inputs[0].dtype)}
        )
        for name, value in alone.items():
            np.testing.assert_array_equal(value[0], together[name][sample])


@pytest.mark.parametrize("dtype", DTYPES[1:])
def test_lower_precision_finds_nearly_the_same(dtype: str) -> None:
    results = {}
    for each in ("fp32", dtype):
        report = build(config_for(convolved(8), "yolov5_nms", ANCHORED, each))
        results[each], _ = infer(report.prefix, 1)
    best, near = (results[each]["boxes"][0].astype(np.float32) for each in ("fp32", dtype))
    apart = np.abs(best[:5, None] - near).max(axis=2).min(axis=1)
    # float16 holds pixels up to 64 to 1/32; int8 holds a logit to 1/256 of its range, and
    # anchors of 30 pixels move by less than a pixel for it; close scores may change places
    assert apart.max() < {"fp16": 0.1, "int8": 1.0}[dtype]


def test_the_post_processing_stays_float_in_int8_builds() -> None:
    report = build(config_for(convolved(67), "yolov8_nms", PARAMS, "int8"))
    model = onnx.load(open_artifact(report.prefix).graph_path, load_external_data=False)
    quantizing = [node for node in model.graph.node if node.op_type == "QuantizeLinear"]
    assert quantizing
    assert not [node for node in quantizing if any("yolov8_nms/" in name for name in node.input)]


def test_a_model_of_fixed_batch_gets_it_too() -> None:
    model = convolved(8, strides=[8])
    # a mean over the batch keeps it from being freed
    graph = model.graph
    graph.node[-1].output[0] = "raw"
    graph.node.append(helper.make_node("ReduceMean", ["raw"], ["mean"], axes=[0], name="mean"))
    graph.node.append(helper.make_node("Add", ["raw", "mean"], ["level_8"], name="add"))
    report = build(config_for(model, "yolox_nms", PARAMS | {"strides": [8]}, "fp32"))
    assert report.max_batch == 1
    results, _ = infer(report.prefix, 2)
    assert {value.shape[0] for value in results.values()} == {2}


def test_building_twice_gives_the_same_bytes() -> None:
    config = config_for(convolved(8), "yolox_nms", PARAMS, "fp32")
    build(config)
    assert build(config).unchanged


def append(model: onnx.ModelProto, kind: str = "yolov8_nms", **params: Any) -> onnx.ModelProto:
    run_passes(model, [append_nms(kind, PARAMS | params, "x.yaml")], "model.onnx")
    return model


def test_an_older_model_is_raised_to_opset_13() -> None:
    model = append(planted({"output0": (7, 50)}, (32, 32), opset=11))
    assert opset_of(model) == 13
    assert [shape_of(value) for value in model.graph.output] == [
        ("N", 300), ("N", 300), ("N", 300, 4),
    ]  # fmt: skip


def test_what_is_no_longer_read_goes() -> None:
    outputs = {f"level{i}": (67, n, n) for i, n in enumerate((4, 2, 1))}
    model = append(planted({"output0": (7, 21), **outputs}, (32, 32)))
    assert "output0" not in {name for node in model.graph.node for name in node.output}


def test_values_called_as_the_outputs_give_way() -> None:
    outputs = {name: (67, n, n) for name, n in (("ids", 4), ("scores", 2), ("boxes", 1))}
    model = append(planted(outputs, (32, 32)))
    onnx.checker.check_model(model, full_check=True)
    assert [value.name for value in model.graph.output] == ["ids", "scores", "boxes"]


def test_a_model_without_an_image_is_refused() -> None:
    value = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 7, 50])
    out = helper.make_tensor_value_info("y", TensorProto.FLOAT, ["N", 7, 50])
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", [value], [out])
    with pytest.raises(ModelError, match="needs a model that takes an image"):
        append(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8))


@pytest.mark.parametrize("kind", DETECTION_OPS)
def test_outputs_of_no_form_are_named_beside_those_it_takes(kind: str) -> None:
    message = (
        rf"extra_ops {kind} does not fit the model's outputs: logits \[N, 1000\]\. It takes .*"
        r"\[N, .*rows x columns of the levels: 4x6 2x3 1x2"
    )
    with pytest.raises(ModelError, match=message) as error:
        append(planted({"logits": (1000,)}, (32, 48)), kind)
    assert error.value.where == "model.onnx"
    assert "{" not in error.value.message


def test_scales_must_be_one_a_level() -> None:
    outputs = {f"level{i}": (8, n, n) for i, n in enumerate((4, 2, 1))}
    model = planted(outputs, (32, 32))
    with pytest.raises(ModelError, match="scale_x_y holds 2 numbers for 3 strides"):
        append(model, "yolov4_nms", anchor=[1, 2, 3, 4, 5, 6], scale_x_y=[1.0, 1.1])


def test_build_names_the_yaml_for_a_wrong_parameter() -> None:
    config = config_for(convolved(8), "yolox_nms", {"num_classes": 3}, "fp32")
    with pytest.raises(ModelError, match=r"detector\.yaml: .*params\.nms_threshold is missing"):
        build(config)
