# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from tests.explain_networks import loud_channel, network

from vackit.artifact.store import open_artifact
from vackit.compiler.explain import fitting
from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.budget import AccuracyWish
from vackit.compiler.explain.scores import Prediction, Scores
from vackit.compiler.explain.trials import evaluate
from vackit.compiler.explain.twins import open_twins
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig, Quantize
from vackit.errors import CalibrationError, DataError
from vackit.testing import tiny_models

MakeConfig = Callable[..., BuildConfig]


def _nothing(paths: object, num_classes: object) -> dict[str, int]:
    return {}


def _drops(monkeypatch: pytest.MonkeyPatch, drop: Callable[[onnx.ModelProto], float]) -> None:
    """Let the share of images that disagree be what ``drop`` says of the integer graph."""
    real = evaluate

    def measured(models: Any, *others: Any) -> Any:
        [(_, noise)] = real(models, *others)
        lost = round(drop(models[0]))
        predictions = [Prediction("x", 1, int(i >= lost), None) for i in range(100)]
        return [(Scores(100, predictions), noise)]

    monkeypatch.setattr(fitting, "evaluate", measured)


def _has_integers(model: onnx.ModelProto, name: str) -> bool:
    node = next(node for node in model.graph.node if node.name == name)
    return any(node.input[1] in other.output for other in model.graph.node)


def test_build_within_its_budget_is_the_build_without_one(make_config: MakeConfig) -> None:
    config = make_config(network(), "int8")
    plain = open_artifact(build(config).prefix).manifest
    report = build(config, force=True, accuracy=AccuracyWish(100.0, None, _nothing))
    manifest = open_artifact(report.prefix).manifest
    assert manifest.files[".onnx.data"] == plain.files[".onnx.data"]
    assert manifest.quantization is not None
    assert report.accuracy_drop == manifest.quantization["accuracy_drop"]
    assert report.accuracy_drop is not None
    assert report.accuracy_drop["measure"] == "agreement with float32"
    assert (report.accuracy_drop["patch"], report.accuracy_drop["yaml"]) == ({}, "")
    assert report.accuracy_drop["num_images"] == 12


def test_build_takes_scales_per_channel_before_it_gives_up_speed(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    def drop(model: onnx.ModelProto) -> float:
        scales = {t.name: list(t.dims) for t in model.graph.initializer}
        return 0 if scales["conv1.weight/scale"] else 5

    _drops(monkeypatch, drop)
    config = make_config(network(), "int8", quantize=Quantize(quantize_per_channel=False))
    report = build(config, accuracy=AccuracyWish(0.5, None, _nothing))
    assert report.accuracy_drop is not None
    assert report.accuracy_drop["patch"] == {"quantize_per_channel": True}
    manifest = open_artifact(report.prefix).manifest
    assert manifest.quantization is not None
    assert manifest.quantization["per_channel"] is True


def test_build_leaves_the_fewest_nodes_in_float_that_hold_the_budget(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    _drops(monkeypatch, lambda model: 4 * _has_integers(model, "conv1_Conv"))
    config = make_config(network(), "int8")
    report = build(config, accuracy=AccuracyWish(3.0, None, _nothing))
    assert report.accuracy_drop is not None
    skipped = report.accuracy_drop["patch"]["skip_conv_layers"]
    assert "conv1_Conv" in skipped
    assert len(skipped) <= 3
    _, twins = open_twins(report.prefix)
    in_integers = {block.name for block in find_blocks(twins) if block.weights is not None}
    assert not in_integers & set(skipped)
    # the YAML that it prints gives the same artifact
    assert (
        f"skip_conv_layers: {json.dumps(skipped).replace(chr(34), chr(39))}"
        in (report.accuracy_drop["yaml"])
    )
    again = dataclasses.replace(
        config,
        backend=dataclasses.replace(
            config.backend,
            quantize=Quantize(
                calibrate_mode=report.accuracy_drop["patch"].get("calibrate_mode", "max"),
                skip_conv_layers=tuple(skipped),
                exclude_layers=tuple(report.accuracy_drop["patch"].get("exclude_layers", ())),
            ),
        ),
    )
    first = open_artifact(report.prefix).manifest.files[".onnx.data"]
    assert open_artifact(build(again, force=True).prefix).manifest.files[".onnx.data"] == first


def test_build_that_cannot_hold_its_budget_writes_nothing(
    make_config: MakeConfig, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _drops(monkeypatch, lambda _: 7)
    config = make_config(network(), "int8")
    match = r"int8 loses 7\.00 points of agreement with float32 on 100 images at best \(.*\), 0"
    with pytest.raises(CalibrationError, match=match):
        build(config, accuracy=AccuracyWish(0.5, None, _nothing))
    assert not (tmp_path / "deploy").exists()


def test_build_with_a_budget_needs_an_output_that_names_a_class(make_config: MakeConfig) -> None:
    with pytest.raises(CalibrationError, match="its first output names no class"):
        build(make_config(tiny_models.conv(), "int8"), accuracy=AccuracyWish(1, None, _nothing))


def test_build_with_a_budget_measures_on_the_images_it_is_given(
    make_config: MakeConfig, image_folder: Path
) -> None:
    asked: list[Any] = []

    def label_of(paths: Any, num_classes: int | None) -> dict[str, int]:
        asked.append((len(paths), num_classes))
        return dict.fromkeys(paths, 3)

    model = network()
    loud_channel(model, 3, 6, 100.0)
    config = make_config(model, "int8")
    report = build(config, accuracy=AccuracyWish(100, image_folder, label_of))
    assert asked == [(16, 10)]
    assert report.accuracy_drop is not None
    assert (report.accuracy_drop["measure"], report.accuracy_drop["num_labeled"]) == ("top1", 16)
    with pytest.raises(DataError, match="no such folder"):
        build(config, accuracy=AccuracyWish(1, image_folder / "nowhere", label_of))
