# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest
from tests.explain_networks import change, loud_channel, network, quantized

from vackit.artifact.store import Artifact
from vackit.compiler.explain.explain import Wish, explain, quantize_of
from vackit.compiler.explain.explanation import Explanation
from vackit.compiler.explain.images import open_images
from vackit.compiler.explain.page import page
from vackit.compiler.explain.table import table
from vackit.compiler.explain.twins import Twins, open_twins
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig
from vackit.testing import tiny_models


def _explained(artifact: Artifact, folder: Path, twins: Twins, num_cures: int = 1) -> Explanation:
    images = open_images(artifact.manifest, folder, None, where="mod")
    labels = {str(path): number % 10 for number, path in enumerate(images.paths)}
    wish = Wish(num_cures, use_cache=False)
    # the twins are not the artifact's: its manifest knows nothing of them
    record = {**(artifact.manifest.quantization or {}), "ranges": {}, "fingerprints": {}}
    manifest = dataclasses.replace(artifact.manifest, quantization=record)
    return explain(manifest, twins, images, labels, wish)


def _loud() -> onnx.ModelProto:
    model = network()
    loud_channel(model, 3, 6, 100.0)
    return model


@pytest.fixture
def loud(artifact: Artifact, image_folder: Path) -> Explanation:
    """The network with a channel of conv3 a hundred times the others, per tensor."""
    return _explained(artifact, image_folder, quantized(_loud(), per_channel=False))


def test_explain_names_the_sabotaged_node_first(loud: Explanation) -> None:
    first = loud.rows[0]
    assert first.block.name == "conv3_Conv"
    assert first.causes[0].kind == "outlier_channel"
    assert "output channel 6" in first.causes[0].text
    assert first.cure is not None
    # the cure is measured: it takes most of what is lost
    assert first.cure.outputs.sqnr_db > loud.before.outputs.sqnr_db + 3
    assert [row.rank for row in loud.rows] == list(range(1, 9))
    assert sorted(row.index for row in loud.rows) == list(range(8))


def test_explain_names_an_outlier_weight_first(artifact: Artifact, image_folder: Path) -> None:
    model = network()

    def spoil(values: np.ndarray) -> None:
        values[2, 5, 1, 1] = 60.0

    change(model, "conv3.weight", spoil)
    found = _explained(artifact, image_folder, quantized(model, per_channel=False), 0)
    assert found.rows[0].block.name == "conv3_Conv"
    assert found.rows[0].causes[0].kind == "outlier_weight"
    assert found.rows[0].cure is None


def test_explain_names_a_range_that_was_shrunk_and_mends_it(
    artifact: Artifact, image_folder: Path
) -> None:
    twins = quantized(network(), narrower={"relu3": 0.2})
    found = _explained(artifact, image_folder, twins)
    first = found.rows[0]
    assert (first.block.name, first.causes[0].kind) == ("conv3_Conv", "saturation")
    assert first.cure is not None
    assert first.cure.patch.rebuild
    assert first.cure.is_rebuilt
    assert first.cure.outputs.sqnr_db > found.before.outputs.sqnr_db + 6


def test_explain_of_a_build_finds_nothing_out_of_the_ordinary(
    artifact: Artifact, image_folder: Path
) -> None:
    _, twins = open_twins(artifact.prefix)
    found = _explained(artifact, image_folder, twins, 0)
    assert found.outputs["output"].sqnr_db > 25  # 8 bits, five layers
    assert found.before.latency is not None
    assert found.float_latency.median_ms > 0
    assert not any(row.is_faulty for row in found.rows)
    assert "cures" not in table(found)


def test_explanation_is_json(loud: Explanation) -> None:
    data = json.loads(json.dumps(loud.to_json(), allow_nan=False))
    assert data["num_images"] == data["num_labeled"] == 16
    assert data["latency_is_emulated"]
    first = data["nodes"][0]
    assert first["name"] == "conv3_Conv"
    assert first["cure"]["yaml"].startswith("backend:\n  quantize:\n")
    assert set(first["single"]) == {
        "sqnr_db",
        "cosine",
        "typical_channel_sqnr_db",
        "at_outputs",
        "weights_share",
    }
    assert len(data["flips"]) == round(16 - 0.16 * data["agreement_percent"])


def test_table_shows_the_worst_first_and_what_to_do(loud: Explanation) -> None:
    text = table(loud, 2)
    lines = text.splitlines()
    assert any(line.startswith("1  conv3_Conv") for line in lines)
    assert "... and 6 better ones (--all)" in text
    assert "[outlier_channel]" in text
    assert "to merge into the build YAML:\nbackend:\n  quantize:" in text
    assert "emulated, one thread, batch 1" in text
    assert "top-1 of 16 labeled images: int8 " in text
    assert "signal to noise, higher is better" in text
    assert "better ones" not in table(loud)
    assert max(map(len, lines)) < 130


def test_page_is_whole_and_loads_nothing(loud: Explanation) -> None:
    text = page(loud)
    assert text.startswith("<!DOCTYPE html>")
    for word in ("<script", "src=", "http:", "https:", "@import", "url("):
        assert word not in text
    assert text.count("<svg") == text.count("</svg>") == 1 + 3 * 6 - _without_plots(loud)
    assert "conv3_Conv" in text
    for flip in loud.scores.flips:
        assert Path(flip.image).name in text


def _without_plots(explanation: Explanation) -> int:
    """Blocks without weights have one plot less, without rounding two."""
    cards = explanation.rows[:6]
    return sum((row.block.weights is None) + 2 * (row.block.step is None) for row in cards)


def test_page_escapes_names(artifact: Artifact, image_folder: Path) -> None:
    model = network()
    model.graph.node[0].name = "<b>&conv"
    text = page(_explained(artifact, image_folder, quantized(model), 0))
    assert "<b>&conv" not in text
    assert "&lt;b&gt;&amp;conv" in text


def test_quantize_of_reads_the_manifest(artifact: Artifact) -> None:
    quantize = quantize_of(artifact.manifest)
    assert quantize.calibrate_mode == "max"
    assert quantize.quantize_per_channel
    assert not quantize.reduce_range
    record = {**(artifact.manifest.quantization or {}), "reduce_range": True}
    assert quantize_of(dataclasses.replace(artifact.manifest, quantization=record)).reduce_range


def _finds() -> onnx.ModelProto:
    """Return a detector: rows of features above a limit, then a layer over each of them."""
    build = tiny_models.Builder(seed=11)
    build.conv("input", "features", (3, 4))
    build.add("Transpose", ["features"], "last", perm=[0, 2, 3, 1])
    build.add("Reshape", ["last", build.weight("rows", np.array([-1, 4]))], "all")
    build.add("ReduceMax", ["all"], "best", axes=[1], keepdims=0)
    build.add("Greater", ["best", build.weight("limit", np.array(1.2, np.float32))], "found")
    build.add("NonZero", ["found"], "places")
    build.add("Squeeze", ["places", build.weight("first", np.array([0]))], "place")
    build.add("Gather", ["all", "place"], "kept", axis=0)
    build.add("Gemm", ["kept", build.normal("w", 4, 6), build.normal("b", 6)], "relu")
    build.add("Relu", ["relu"], "hidden")
    build.add("Gemm", ["hidden", build.normal("v", 6, 3), build.normal("c", 3)], "output")
    return build.model({"input": [1, 3, 8, 8]}, {"output": ["n", 3]})


def test_explain_takes_finds_whose_number_differs(
    make_config: Callable[..., BuildConfig], images: Path, image_folder: Path
) -> None:
    # images in which nothing is found
    for folder in (images, image_folder / "group0"):
        cv2.imwrite(str(folder / "black.png"), np.zeros((8, 8, 3), np.uint8))
    report = build(make_config(_finds(), "int8"), use_cache=False)
    artifact, twins = open_twins(report.prefix)
    others = open_images(artifact.manifest, image_folder, None, where="mod")
    wish = Wish(0, use_cache=False)
    explanation = explain(artifact.manifest, twins, others, {}, wish)
    assert explanation.before.outputs.sqnr_db < 60
    assert {row.block.op_type for row in explanation.rows} >= {"Conv", "Gemm"}
