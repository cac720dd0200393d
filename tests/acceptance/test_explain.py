# SPDX-License-Identifier: Apache-2.0
"""``vamc explain`` as its users run it, on layers that were sabotaged on purpose."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from numpy.typing import NDArray
from onnx import numpy_helper
from tests.explain_sabotage import change_bias, change_rounding, change_weights

from vackit.artifact.store import GRAPH_SUFFIX, WEIGHTS_SUFFIX, open_artifact, write_artifact
from vackit.compiler.emit import serialize
from vackit.testing.mobilenet import mobilenet_v2

VAMC = [sys.executable, "-c", "import sys; from vackit.cli.vamc import main; sys.exit(main())"]
CONFIG = """\
name: net
frontend:
  type: onnx
  checkpoint: net.onnx
  dtype: fp32
  shape:
    input: [1, 3, {size}, {size}]
backend:
  type: tvm_vacc
  dtype: int8
  quantize:
    calibrate_mode: max
dataset:
  type: tvm
  path: {calib}
  sampler:
    suffix: {suffix}
    get_data_num: 32
  process_ops:
    - type: DecodeImage
    - type: Resize
      size: [{size}, {size}]
    - type: Normalize
      div255: false
      mean: [127.5, 127.5, 127.5]
      std: [127.5, 127.5, 127.5]
    - type: ToTensor
workspace:
  path: deploy
"""
PREFIX = "deploy/net/mod"
NO_CURES = ("--cures", "0")


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VACKIT_CACHE_DIR", str(tmp_path / "cache"))


def vamc(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*VAMC, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)


def explained(*arguments: str) -> dict[str, Any]:
    done = vamc("explain", PREFIX, "--json", "--html", "report.html", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    page = Path("report.html").read_text(encoding="utf-8")
    assert found["nodes"][0]["name"] in page
    return found


def build(model: onnx.ModelProto, calib: Path, suffix: str, size: int) -> None:
    onnx.save(model, "net.onnx")
    Path("net.yaml").write_text(CONFIG.format(calib=calib, suffix=suffix, size=size))
    done = vamc("build", "net.yaml")
    assert done.returncode == 0, done.stderr


def sabotage(change: Callable[[onnx.ModelProto], None]) -> None:
    """Change the artifact's integer graph, and its manifest's hashes with it."""
    artifact = open_artifact(PREFIX)
    model = onnx.load(artifact.graph_path)
    change(model)
    parts = {s: artifact.path(s).read_bytes() for s in artifact.manifest.files}
    graph, weights = serialize(model, artifact.prefix.name + WEIGHTS_SUFFIX)
    parts |= {GRAPH_SUFFIX: graph, WEIGHTS_SUFFIX: weights}
    write_artifact(artifact.prefix, artifact.manifest, parts)


def turned_around(values: NDArray[Any]) -> NDArray[Any]:
    """Return the weights with the sign of every other channel flipped."""
    values[::2] *= -1
    return values


def make_louder(model: onnx.ModelProto, node_name: str, channel: int, factor: float) -> None:
    """Multiply the weights and the bias of one output channel of a node."""
    node = next(node for node in model.graph.node if node.name == node_name)
    for name in node.input[1:]:
        tensor = next(t for t in model.graph.initializer if t.name == name)
        values = numpy_helper.to_array(tensor).copy()
        values[channel] *= factor
        tensor.CopyFrom(numpy_helper.from_array(values, name))


def a_layer(model: onnx.ModelProto, kind: str) -> str:
    """Return the middle convolution, or the middle one that a residual sum reads."""
    added = {name for node in model.graph.node if node.op_type == "Add" for name in node.input}
    names: list[str] = [
        node.name
        for node in model.graph.node
        if node.op_type == "Conv" and (kind == "middle" or node.output[0] in added)
    ]
    return names[len(names) // 2]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["middle", "added"])
def test_explain_names_the_sabotaged_layer_of_a_seeded_network(kind: str) -> None:
    rng = np.random.default_rng(3)
    for number in range(24):
        path = Path("calib" if number < 12 else "val", f"img{number}.png")
        path.parent.mkdir(exist_ok=True)
        # smooth, as pictures are
        small = rng.integers(0, 256, (8, 8, 3), np.uint8)
        cv2.imwrite(str(path), cv2.resize(small, (64, 64), interpolation=cv2.INTER_CUBIC))
    model = mobilenet_v2(size=64, num_classes=10, batch_norm=False)
    victim = a_layer(model, kind)
    build(model, Path("calib"), "png", 64)
    whole = explained("--images", "val", "--cures", "0")
    sabotage(lambda graph: change_weights(graph, victim, turned_around))
    found = explained("--images", "val", "--cures", "1")
    first = found["nodes"][0]
    assert (first["name"], first["causes"][0]["kind"]) == (victim, "foreign_weights")
    # building again mends it, as measured
    assert first["cure"]["is_rebuilt"]
    mended = first["cure"]["outputs"]["sqnr_db"]
    assert mended > found["outputs"]["output"]["sqnr_db"] + 10
    # within 3 dB of what it was: calibrated with other images
    assert mended > whole["outputs"]["output"]["sqnr_db"] - 3


@pytest.mark.slow
def test_explain_names_the_sabotaged_layer_of_a_real_network(shared: Path) -> None:
    model = onnx.load(shared / "models" / "mobilenetv1_025_keras.onnx")
    build(model, shared / "imagenet" / "calib", "JPEG", 224)
    label = str(shared / "imagenet" / "val_label.txt")
    images = ("--images", str(shared / "imagenet" / "val"), "--label", label, "--limit", "60")
    victim = "conv_pw_6_node"
    sabotage(lambda graph: change_weights(graph, victim, turned_around))
    found = explained(*images, "--cures", "1")
    first = found["nodes"][0]
    assert (first["name"], first["causes"][0]["kind"]) == (victim, "foreign_weights")
    assert found["top1_int8_percent"] < 20
    assert first["cure"]["top1_int8_percent"] > 50


@pytest.mark.slow
def test_explain_names_every_kind_of_damage_in_a_real_network(shared: Path) -> None:
    build(
        onnx.load(shared / "models" / "mobilenetv1_025_keras.onnx"),
        shared / "imagenet" / "calib",
        "JPEG",
        224,
    )
    victim = "conv_pw_9_node"
    whole = open_artifact(PREFIX)
    parts = {s: whole.path(s).read_bytes() for s in whole.manifest.files}
    nodes = {node.name: node for node in onnx.load(whole.graph_path).graph.node}
    readers = {name: node for node in nodes.values() for name in node.input}
    clipped = readers[nodes[victim].output[0]].output[0]
    value = readers[clipped].output[0].removesuffix("/quantized")
    damages: list[tuple[Callable[[onnx.ModelProto], None], str]] = [
        (lambda m: change_weights(m, victim, lambda s: 2 * s, 1), "wrong_weight_scale"),
        (lambda m: change_bias(m, victim, lambda b: b + np.abs(b).max()), "foreign_bias"),
        (lambda m: change_rounding(m, value, scale=0.1), "changed_range"),
        (lambda m: change_rounding(m, value, scale=10), "changed_range"),
        (lambda m: change_rounding(m, value, zero=60), "changed_range"),
    ]
    for change, kind in damages:
        write_artifact(whole.prefix, whole.manifest, parts)
        sabotage(change)
        found = explained("--images", str(shared / "imagenet" / "val"), "--limit", "8", *NO_CURES)
        first = found["nodes"][0]
        assert (first["name"], first["causes"][0]["kind"]) == (victim, kind)
        assert [node["faulty"] for node in found["nodes"][:2]] == [True, False]


@pytest.mark.slow
def test_explain_tells_of_an_odd_layer_that_does_no_harm(shared: Path) -> None:
    model = onnx.load(shared / "models" / "mobilenetv1_025_keras.onnx")
    make_louder(model, "conv_pw_6_node", 7, 200.0)
    build(model, shared / "imagenet" / "calib", "JPEG", 224)
    images = ("--images", str(shared / "imagenet" / "val"), "--limit", "40")
    found = explained(*images, "--cures", "0")
    row = next(row for row in found["nodes"] if row["name"] == "conv_pw_6_node")
    # scales per channel and ReLU6 hold it: it does no harm, but what is odd about it is said
    assert {cause["kind"] for cause in row["causes"]} & {"outlier_channel", "evened_channel"}
    done = vamc("explain", PREFIX, *images, "--cures", "0", "--rows", "1")
    assert "further down, but out of the ordinary\n" in done.stdout
    assert "conv_pw_6_node: the weights of output channel" in done.stdout
