# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from vackit.artifact.store import open_artifact
from vackit.compiler import passes, pipeline
from vackit.compiler.graph import add_constant, replace, values_of
from vackit.compiler.passes.base import Pass
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig, CustomFunc, DecodeImage, Normalize, ToTensor
from vackit.errors import ModelError
from vackit.testing import tiny_models

MakeConfig = Callable[..., BuildConfig]
# leaves the pixels as they are: far above anything that a normal distribution gives
BYTES = {"process_ops": (DecodeImage(), Normalize(div255=False), ToTensor())}


class _Saturate(Pass):
    """Cuts the input off at 9, which random samples do not reach."""

    name: ClassVar[str] = "saturate"
    adds: ClassVar[frozenset[str]] = frozenset({"Clip"})

    def apply(self, model: onnx.ModelProto) -> int:
        graph = model.graph
        bounds = [add_constant(graph, "bound", np.array(b, np.float32)) for b in (-9, 9)]
        for node in graph.node:
            replace(node.input, "input", "cut")
        graph.node.insert(0, helper.make_node("Clip", ["input", *bounds], ["cut"], name="cut"))
        return 1


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
def test_build_verifies_on_random_samples_and_images(make_config: MakeConfig, dtype: str) -> None:
    report = build(make_config(tiny_models.residual(), dtype))
    found = open_artifact(report.prefix).manifest.verification
    assert found == report.verification == report.to_json()["verification"]
    assert found is not None
    assert 0 <= found.pop("largest_difference") < 1e-4
    assert found == {"verified": True, "random_samples": 3, "images": 3, "tolerance": 1e-4}


def test_build_verifies_nothing_when_told_not_to(make_config: MakeConfig) -> None:
    report = build(make_config(tiny_models.residual()), verify=False)
    assert report.verification == {"verified": False}
    # the batch is freed on trial in any case
    assert report.max_batch is None


def test_build_undoes_a_pass_that_only_images_show_to_be_wrong(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(passes, "FLOAT_PASSES", (_Saturate(),))
    report = build(make_config(tiny_models.conv(), dataset=BYTES))
    assert report.passes[0]["undone"].startswith("output 'output' differs by ")
    assert "pass 'saturate' is undone" in caplog.text
    unseen = build(make_config(tiny_models.conv(), dataset=BYTES), verify=False, force=True)
    assert unseen.passes[0]["changes"] == 1


def test_build_refuses_a_graph_that_computes_something_else(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def spoil(model: onnx.ModelProto, _: object) -> None:
        tensor = model.graph.initializer[0]
        tensor.CopyFrom(numpy_helper.from_array(2 * values_of(tensor), tensor.name))

    monkeypatch.setattr(pipeline, "set_output_shapes", spoil)
    reason = r"model\.onnx: the passes change what it computes: output 'output' differs by .*"
    with pytest.raises(ModelError, match=reason) as caught:
        build(make_config(tiny_models.conv()))
    assert caught.value.hint == "build it all the same with --no_verify"
    assert not (tmp_path / "deploy").exists()


def test_build_says_that_results_left_to_chance_cannot_be_verified(make_config: MakeConfig) -> None:
    model = tiny_models.conv()
    model.graph.node[0].output[0] = "inner"
    model.graph.node.extend(
        [
            helper.make_node("RandomNormalLike", ["inner"], ["noise"], name="roll"),
            helper.make_node("Add", ["inner", "noise"], ["output"], name="add"),
        ]
    )
    reason = r"gives other results at every run \(node 'roll', RandomNormalLike\): there is nothing"
    with pytest.raises(ModelError, match=reason):
        build(make_config(model))
    assert build(make_config(model), verify=False).verification == {"verified": False}


def test_build_takes_infinite_outputs_for_equal(make_config: MakeConfig) -> None:
    model = tiny_models.conv()
    model.graph.node[0].output[0] = "inner"
    # NaN below zero, as the model itself has it
    model.graph.node.append(helper.make_node("Log", ["inner"], ["output"], name="log"))
    report = build(make_config(model))
    assert report.verification is not None
    assert report.verification["verified"]
    assert report.max_batch is None


@pytest.mark.parametrize(
    "dataset",
    [{"path": None}, {"path": Path("nowhere")}, {"process_ops": (CustomFunc(Path("f.py"), "f"),)}],
    ids=["none", "missing", "code"],
)
def test_build_of_floats_needs_no_images(
    make_config: MakeConfig, dataset: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    report = build(make_config(tiny_models.conv(), dataset=dataset))
    assert report.verification is not None
    assert report.verification["images"] == 0
    assert not caplog.text


def test_build_of_floats_says_which_image_it_cannot_read(
    make_config: MakeConfig, images: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (images / "class0" / "img0.png").write_bytes(b"no image")
    report = build(make_config(tiny_models.conv()))
    assert report.verification is not None
    assert report.verification["images"] == 0
    assert "tiny.yaml: verified on random samples alone: " in caplog.text
    assert "img0.png" in caplog.text


def test_build_verifies_on_arrays(make_config: MakeConfig, tmp_path: Path) -> None:
    array = np.full((3, 8, 8), 2, np.float32)
    (tmp_path / "arrays").mkdir()
    for number in range(2):
        np.savez(tmp_path / "arrays" / f"{number}.npz", input_0=array)
    dataset = {"path": tmp_path / "arrays", "suffix": "npz", "process_ops": ()}
    report = build(make_config(tiny_models.conv(), dataset=dataset))
    assert report.verification is not None
    assert report.verification["images"] == 2


def test_build_again_only_updates_what_is_said_of_the_verification(make_config: MakeConfig) -> None:
    config = make_config(tiny_models.conv())
    build(config, verify=False)
    report = build(config)
    assert not report.unchanged
    verification = open_artifact(report.prefix).manifest.verification
    assert verification is not None
    assert verification["verified"]
    assert build(config).unchanged
