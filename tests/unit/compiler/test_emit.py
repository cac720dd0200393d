# SPDX-License-Identifier: Apache-2.0
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import open_artifact, part_path
from vackit.compiler.emit import check_parts, serialize, signature, store
from vackit.errors import ArtifactError, ModelError
from vackit.tensors import TensorSpec
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]
MANIFEST = Manifest(
    name="tiny",
    dtype="fp32",
    inputs=(),
    outputs=(),
    max_batch=None,
    quantization=None,
    preprocessing=(),
    tools={},
    model_sha256="",
)


def _parts(model: onnx.ModelProto, name: str = "mod") -> dict[str, bytes]:
    graph, weights = serialize(model, f"{name}.onnx.data")
    return {".onnx": graph, ".onnx.data": weights}


def test_serialize_moves_the_weights_out(tmp_path: Path, run: Run) -> None:
    model = tiny_models.classifier()
    for suffix, data in _parts(model).items():
        (tmp_path / f"mod{suffix}").write_bytes(data)
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype(np.float32)
    got, want = run(tmp_path / "mod.onnx", input=x), run(model, input=x)
    assert np.array_equal(got["output"], want["output"])
    stored = onnx.load(tmp_path / "mod.onnx", load_external_data=False)
    places = [
        {entry.key: entry.value for entry in tensor.external_data}
        for tensor in stored.graph.initializer
        if tensor.external_data
    ]
    assert {place["location"] for place in places} == {"mod.onnx.data"}
    assert all(int(place["offset"]) % 64 == 0 for place in places)


def test_serialize_keeps_nothing_of_where_it_was_made() -> None:
    model = tiny_models.conv()
    model.producer_name, model.producer_version = "pytorch", "2.1"
    model.doc_string = model.graph.doc_string = model.graph.node[0].doc_string = "/home/me"
    model.graph.initializer[0].doc_string = "/home/me"
    model.metadata_props.add(key="path", value="/home/me")
    graph, _ = serialize(model, "mod.onnx.data")
    assert b"/home/me" not in graph
    assert onnx.load_model_from_string(graph).producer_name == "vackit"
    assert model.producer_name == "pytorch"


def test_serialize_gives_the_same_bytes_in_another_process() -> None:
    script = (
        "import hashlib; from vackit.testing import tiny_models as t; "
        "from vackit.compiler.emit import serialize; "
        "print(hashlib.sha256(b''.join(serialize(t.shuffle_block(), 'm'))).hexdigest())"
    )
    here = hashlib.sha256(b"".join(serialize(tiny_models.shuffle_block(), "m"))).hexdigest()
    for seed in ("1", "2"):
        there = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
        )
        assert there.stdout.strip() == here


def test_signature_names_shapes_and_layouts() -> None:
    inputs, outputs = signature(tiny_models.classifier())
    assert inputs == (TensorSpec("input", (None, 3, 8, 8), "float32", "NCHW"),)
    assert outputs == (TensorSpec("output", (None, 10), "float32"),)


def test_check_parts_refuses_what_does_not_load() -> None:
    model = tiny_models.classifier()
    parts = _parts(model)
    check_parts("mod", model, parts, "tiny")
    parts[".onnx.data"] = b""
    with pytest.raises(ModelError, match="tiny: ONNX Runtime does not load it"):
        check_parts("mod", model, parts, "tiny")


def test_store_writes_once(tmp_path: Path) -> None:
    prefix, parts = tmp_path / "mod", _parts(tiny_models.conv())
    files, unchanged = store(prefix, MANIFEST, parts, force=False)
    assert not unchanged
    assert [path.name for path in files] == ["mod.onnx", "mod.onnx.data", "mod.vackit.json"]
    before = [path.stat().st_mtime_ns for path in files]
    assert store(prefix, MANIFEST, parts, force=False) == (files, True)
    assert [path.stat().st_mtime_ns for path in files] == before


def test_store_refuses_to_replace_another_artifact(tmp_path: Path) -> None:
    prefix = tmp_path / "mod"
    store(prefix, MANIFEST, _parts(tiny_models.conv()), force=False)
    with pytest.raises(
        ArtifactError, match=r"it differs in files\n  hint: replace it with --force"
    ):
        store(prefix, MANIFEST, _parts(tiny_models.residual()), force=False)
    _, unchanged = store(prefix, MANIFEST, _parts(tiny_models.residual()), force=True)
    assert not unchanged
    open_artifact(prefix)


@pytest.mark.parametrize("content", [b"{", b"[]"], ids=["cut", "list"])
def test_store_refuses_to_replace_a_manifest_that_it_cannot_read(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "mod.vackit.json").write_bytes(content)
    with pytest.raises(ArtifactError, match="its manifest is damaged"):
        store(tmp_path / "mod", MANIFEST, _parts(tiny_models.conv()), force=False)


def test_store_completes_what_lacks_a_part(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    prefix, parts = tmp_path / "mod", _parts(tiny_models.conv())
    store(prefix, MANIFEST, parts, force=False)
    part_path(prefix, ".onnx.data").unlink()
    _, unchanged = store(prefix, MANIFEST, parts, force=False)
    assert not unchanged
    assert "is missing; it is written again" in caplog.text
    open_artifact(prefix)


def test_store_leaves_a_vendors_files_alone(tmp_path: Path) -> None:
    for suffix in (".so", ".json", ".params"):
        (tmp_path / f"mod{suffix}").write_bytes(b"vendor")
    store(tmp_path / "mod", MANIFEST, _parts(tiny_models.conv()), force=False)
    assert (tmp_path / "mod.json").read_bytes() == b"vendor"
