# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from vackit.artifact.manifest import FORMAT_VERSION, Manifest
from vackit.artifact.store import (
    REFERENCE_GRAPH_SUFFIX,
    Artifact,
    complete_manifest,
    missing_vendor_suffixes,
    open_artifact,
    open_vendor_artifact,
    prefix_of,
    vendor_prefix,
    write_artifact,
)
from vackit.errors import ArtifactError
from vackit.files import sha256_file
from vackit.tensors import TensorSpec

PARTS = {".onnx": b"graph", ".onnx.data": b"weights", ".model_info.json": b"{}"}


def manifest() -> Manifest:
    return Manifest(
        name="net",
        dtype="fp32",
        inputs=(TensorSpec("input", (None, 3, 8, 8), "float32", "NCHW"),),
        outputs=(TensorSpec("output", (None, 10), "float32"),),
        max_batch=None,
        quantization=None,
        preprocessing=({"type": "DecodeImage"},),
        tools={"vackit": "0"},
        model_sha256="ab",
    )


@pytest.fixture
def written(tmp_path: Path) -> Artifact:
    return write_artifact(tmp_path / "net.v1" / "mod", manifest(), PARTS)


def damage(artifact: Artifact, **changes: Any) -> None:
    path = artifact.path(".vackit.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_open_artifact_returns_what_was_written(written: Artifact) -> None:
    assert open_artifact(written.prefix) == written
    assert written.graph_path.read_bytes() == b"graph"


@pytest.mark.parametrize("suffix", [".vackit.json", *PARTS], ids=str)
def test_open_artifact_takes_any_of_its_files(written: Artifact, suffix: str) -> None:
    assert open_artifact(written.path(suffix)) == written


def test_prefix_of_keeps_dots_of_the_name() -> None:
    assert prefix_of("a/shufflenet_v2_x1.0") == Path("a/shufflenet_v2_x1.0")


def test_write_artifact_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write_artifact(tmp_path / folder / "mod", manifest(), PARTS)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


def test_write_artifact_leaves_nothing_else(written: Artifact) -> None:
    names = {p.name for p in written.prefix.parent.iterdir()}
    assert names == {"mod.vackit.json", *(f"mod{suffix}" for suffix in PARTS)}


def test_write_artifact_interrupted_leaves_no_artifact(
    written: Artifact, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("vackit.artifact.store.write_atomic", refuse)
    with pytest.raises(OSError, match="No space left"):
        write_artifact(written.prefix, manifest(), PARTS)
    with pytest.raises(ArtifactError, match="no compiled artifact here"):
        open_artifact(written.prefix)


def test_open_artifact_when_a_part_is_missing(written: Artifact) -> None:
    written.path(".onnx.data").unlink()
    with pytest.raises(ArtifactError, match=r"mod\.onnx\.data: this part .* is missing"):
        open_artifact(written.prefix)


def test_open_artifact_does_without_the_float_twin(tmp_path: Path) -> None:
    parts = {**PARTS, REFERENCE_GRAPH_SUFFIX: b"float"}
    artifact = write_artifact(tmp_path / "mod", manifest(), parts)
    assert open_artifact(artifact.path(REFERENCE_GRAPH_SUFFIX)) == artifact
    artifact.path(REFERENCE_GRAPH_SUFFIX).write_bytes(b"flaot")
    with pytest.raises(ArtifactError, match="sha256 differs"):
        open_artifact(artifact.prefix)
    artifact.path(REFERENCE_GRAPH_SUFFIX).unlink()
    assert open_artifact(artifact.prefix) == artifact


def test_open_artifact_when_a_part_is_truncated(written: Artifact) -> None:
    written.path(".onnx").write_bytes(b"gra")
    with pytest.raises(ArtifactError, match="holds 3 bytes, its manifest says 5"):
        open_artifact(written.prefix)


def test_open_artifact_when_a_part_has_changed(written: Artifact) -> None:
    written.path(".onnx").write_bytes(b"grapH")
    with pytest.raises(ArtifactError, match="sha256 differs"):
        open_artifact(written.prefix)
    assert open_artifact(written.prefix, verify=False).manifest.name == "net"


def test_open_artifact_names_the_one_nearby(written: Artifact) -> None:
    with pytest.raises(ArtifactError, match=r"hint: use -m .*net\.v1/mod$"):
        open_artifact(written.prefix.parent)


def test_open_artifact_when_only_a_vendors_files_are_there(tmp_path: Path) -> None:
    (tmp_path / "mod.so").write_bytes(b"")
    with pytest.raises(ArtifactError, match=r"only files compiled for a card \(\.so\)"):
        open_artifact(tmp_path / "mod")


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"format_version": 99},
            f"version 99 is not known; this vackit reads version {FORMAT_VERSION}",
        ),
        ({"inputs": None}, "the manifest is damaged"),
        ({"files": {"/../x": {}}}, "files: '/../x' is not a file suffix"),
        ({"files": {".onnx": {}}}, "the manifest is damaged: KeyError at 'size_bytes'"),
    ],
    ids=["version", "type", "path-escape", "missing"],
)
def test_open_artifact_when_the_manifest_is_wrong(
    written: Artifact, changes: dict[str, Any], text: str
) -> None:
    damage(written, **changes)
    with pytest.raises(ArtifactError, match=text):
        open_artifact(written.prefix)


@pytest.mark.parametrize(
    ("text", "message"),
    [("", "not JSON"), ("[1]", "not a vackit manifest"), ('{"graph": 1}', "not a vackit manifest")],
    ids=["empty", "list", "other-json"],
)
def test_open_artifact_when_the_manifest_is_none(
    written: Artifact, text: str, message: str
) -> None:
    written.path(".vackit.json").write_text(text)
    with pytest.raises(ArtifactError, match=message):
        open_artifact(written.prefix)


def test_complete_manifest_is_what_write_artifact_stores(written: Artifact) -> None:
    parts = {suffix: written.path(suffix).read_bytes() for suffix in written.manifest.files}
    assert complete_manifest(dataclasses.replace(written.manifest, files={}), parts) == (
        open_artifact(written.prefix).manifest
    )


def compiled(folder: Path) -> Path:
    prefix = folder / "net.v1" / "mod"
    prefix.parent.mkdir()
    for suffix in (".so", ".json", ".params"):
        Path(f"{prefix}{suffix}").write_text(suffix)
    return prefix


def test_open_vendor_artifact_describes_files_without_a_manifest(tmp_path: Path) -> None:
    prefix = compiled(tmp_path)
    image = TensorSpec("input_0", (None, 3, 8, 8), "float16", "NCHW")
    artifact = open_vendor_artifact(prefix, [image], [TensorSpec("o", (None, 2), "float16")])
    manifest = artifact.manifest
    assert (manifest.name, manifest.dtype, manifest.max_batch) == ("net.v1", "vendor", None)
    assert {suffix: part.size_bytes for suffix, part in manifest.files.items()} == {
        ".so": 3, ".json": 5, ".params": 7,
    }  # fmt: skip
    before = artifact.manifest_sha256
    Path(f"{prefix}.params").write_text("others!")
    again = open_vendor_artifact(prefix, [image], [TensorSpec("o", (None, 2), "float16")])
    assert again.manifest_sha256 != before


def test_open_vendor_artifact_runs_one_by_one_when_an_output_has_no_batch(tmp_path: Path) -> None:
    image = TensorSpec("input_0", (None, 3, 8, 8), "float16", "NCHW")
    artifact = open_vendor_artifact(compiled(tmp_path), [image], [TensorSpec("o", (5, 7), "int8")])
    assert artifact.manifest.max_batch == 1


def test_vendor_prefix_takes_any_of_the_files(tmp_path: Path) -> None:
    prefix = compiled(tmp_path)
    assert vendor_prefix(prefix) == prefix
    for suffix in (".so", ".json", ".params", ".onnx"):
        assert vendor_prefix(f"{prefix}{suffix}") == prefix
    assert vendor_prefix(tmp_path / "net.so") == tmp_path / "net.so"
    Path(f"{prefix}.so").unlink()
    assert missing_vendor_suffixes(prefix) == (".so",)


def test_manifest_sha256_is_that_of_the_file(written: Artifact) -> None:
    assert written.manifest_sha256 == sha256_file(written.path(".vackit.json"))
