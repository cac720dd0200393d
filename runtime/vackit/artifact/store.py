# SPDX-License-Identifier: Apache-2.0
"""Write and open artifacts. Reads and writes ``PREFIX.vackit.json`` and its parts.

Behind one prefix lie ``.vackit.json`` (the manifest), ``.onnx`` (the graph),
``.onnx.data`` (the weights) and ``.model_info.json`` (the triple that points at them); a
vendor's ``.so``, ``.json`` and ``.params`` may stand beside. The manifest is written last:
without it the artifact does not exist.

An int8 artifact also holds ``.float.onnx`` and ``.float.onnx.data``: its float32 twin, node
for node, which `vamc explain` compares it with. No device reads them, so they may be left
behind when an artifact moves.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vackit.artifact.manifest import FilePart, Manifest
from vackit.config.model_info import GRAPH_SUFFIX as GRAPH_SUFFIX
from vackit.config.model_info import MANIFEST_SUFFIX as MANIFEST_SUFFIX
from vackit.config.model_info import MODEL_INFO_SUFFIX as MODEL_INFO_SUFFIX
from vackit.config.model_info import VENDOR_SUFFIXES as VENDOR_SUFFIXES
from vackit.config.model_info import WEIGHTS_SUFFIX as WEIGHTS_SUFFIX
from vackit.errors import ArtifactError
from vackit.files import json_bytes, sha256_bytes, sha256_file, temporary_folder, write_atomic
from vackit.tensors import TensorSpec

CALIBRATION_SUFFIX = ".calibration.json"
REFERENCE_GRAPH_SUFFIX = ".float.onnx"
REFERENCE_WEIGHTS_SUFFIX = ".float.onnx.data"
# dtype of what a card's own compiler made: its files do not say which they hold
VENDOR_DTYPE = "vendor"
REFERENCE_SUFFIXES = (REFERENCE_GRAPH_SUFFIX, REFERENCE_WEIGHTS_SUFFIX)


@dataclass(frozen=True)
class Artifact:
    """An artifact on disk: its prefix and its manifest."""

    prefix: Path
    manifest: Manifest

    def path(self, suffix: str) -> Path:
        """Return the file with that suffix.

        It exists for every suffix of the manifest but the float twin's.
        """
        return part_path(self.prefix, suffix)

    @property
    def manifest_sha256(self) -> str:
        """Return the sha256 of the manifest, which names that of every part."""
        path = self.path(MANIFEST_SUFFIX)
        if path.is_file():
            return sha256_file(path)
        return sha256_bytes(json_bytes(self.manifest.to_json()))

    @property
    def graph_path(self) -> Path:
        """Return the ONNX file; its weights stand beside it."""
        return self.path(GRAPH_SUFFIX)


def part_path(prefix: Path, suffix: str) -> Path:
    """Return ``prefix`` with ``suffix`` appended (the name may hold dots of its own)."""
    return prefix.with_name(prefix.name + suffix)


def prefix_of(path: str | Path) -> Path:
    """Return the prefix that ``path`` means: itself, or without a known part's suffix."""
    path = Path(path)
    known = (MANIFEST_SUFFIX, MODEL_INFO_SUFFIX, CALIBRATION_SUFFIX, REFERENCE_WEIGHTS_SUFFIX)
    for suffix in (*known, REFERENCE_GRAPH_SUFFIX, WEIGHTS_SUFFIX, GRAPH_SUFFIX):
        if path.name.endswith(suffix) and path.name != suffix:
            return path.with_name(path.name.removesuffix(suffix))
    return path


def complete_manifest(manifest: Manifest, parts: dict[str, bytes]) -> Manifest:
    """Return ``manifest`` with the size and sha256 of every part."""
    files = {suffix: FilePart(len(data), sha256_bytes(data)) for suffix, data in parts.items()}
    return dataclasses.replace(manifest, files=files)


def write_artifact(prefix: Path, manifest: Manifest, parts: dict[str, bytes]) -> Artifact:
    """Write an artifact, every file under a temporary name first, the manifest last.

    An old manifest is withdrawn before its parts are replaced, so that an interrupted
    write leaves no artifact rather than a mixed one.

    Args:
        prefix: Common path of the files; its folder is made.
        manifest: Its ``files`` are filled in here.
        parts: File contents by suffix (``".onnx"``, ``".onnx.data"``, ...).
    """
    complete = complete_manifest(manifest, parts)
    manifest_path = part_path(prefix, MANIFEST_SUFFIX)
    with temporary_folder(prefix.parent) as folder:
        for suffix, data in parts.items():
            (folder / (prefix.name + suffix)).write_bytes(data)
        manifest_path.unlink(missing_ok=True)
        for suffix in parts:
            (folder / (prefix.name + suffix)).replace(part_path(prefix, suffix))
    write_atomic(manifest_path, json_bytes(complete.to_json()))
    return Artifact(prefix, complete)


def open_artifact(path: str | Path, *, verify: bool = True) -> Artifact:
    """Open the artifact behind a prefix (or behind one of its files).

    Args:
        path: What a user passes as ``-m``.
        verify: Compare the sha256 of every part with the manifest's.

    Raises:
        ArtifactError: Nothing is there, only a vendor's files are, or a part is missing,
            of another size or changed.
    """
    prefix = prefix_of(path)
    manifest_path = part_path(prefix, MANIFEST_SUFFIX)
    try:
        text = manifest_path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
        raise _absent(prefix) from error
    try:
        data = json.loads(text)
    except ValueError as error:
        raise ArtifactError(f"not JSON: {error}", where=manifest_path) from error
    artifact = Artifact(prefix, Manifest.from_json(data, str(manifest_path)))
    for suffix, part in artifact.manifest.files.items():
        if suffix in REFERENCE_SUFFIXES and not artifact.path(suffix).exists():
            continue
        _check_part(artifact.path(suffix), part, verify=verify)
    return artifact


def vendor_prefix(path: str | Path) -> Path:
    """Return the prefix that ``path`` means: as `prefix_of`, a card's files included."""
    prefix = prefix_of(path)
    for suffix in VENDOR_SUFFIXES:
        if prefix.name.endswith(suffix) and prefix.name != suffix and prefix.is_file():
            return prefix.with_name(prefix.name.removesuffix(suffix))
    return prefix


def missing_vendor_suffixes(prefix: Path) -> tuple[str, ...]:
    """Return which of the files that a card's compiler writes are not there."""
    return tuple(s for s in VENDOR_SUFFIXES if not part_path(prefix, s).is_file())


def open_vendor_artifact(
    prefix: Path, inputs: Sequence[TensorSpec], outputs: Sequence[TensorSpec]
) -> Artifact:
    """Open files compiled for a card that no manifest describes.

    Args:
        prefix: Their common path; all of `VENDOR_SUFFIXES` are there.
        inputs: What the card's runtime says that they take.
        outputs: What it says that they return.

    Returns:
        An artifact of dtype `VENDOR_DTYPE`. Where an output has no batch axis, it executes
        one sample at a time.
    """
    files = {}
    for suffix in VENDOR_SUFFIXES:
        path = part_path(prefix, suffix)
        files[suffix] = FilePart(path.stat().st_size, sha256_file(path))
    has_batch = all(spec.shape and spec.shape[0] is None for spec in (*inputs, *outputs))
    manifest = Manifest(
        name=prefix.parent.name if prefix.name == "mod" else prefix.name,
        dtype=VENDOR_DTYPE,
        inputs=tuple(inputs),
        outputs=tuple(outputs),
        max_batch=None if has_batch else 1,
        quantization=None,
        preprocessing=(),
        tools={},
        model_sha256="",
        files=files,
    )
    return Artifact(prefix, manifest)


def _check_part(path: Path, part: FilePart, *, verify: bool) -> None:
    if not path.is_file():
        raise ArtifactError("this part of the artifact is missing", where=path)
    size = path.stat().st_size
    if size != part.size_bytes:
        raise ArtifactError(
            f"holds {size} bytes, its manifest says {part.size_bytes}",
            where=path,
            hint="build the artifact again with `vamc build --force`",
        )
    if verify and sha256_file(path) != part.sha256:
        raise ArtifactError(
            "its content is not what its manifest says (sha256 differs)",
            where=path,
            hint="build the artifact again with `vamc build --force`",
        )


def _absent(prefix: Path) -> ArtifactError:
    vendor = [s for s in VENDOR_SUFFIXES if part_path(prefix, s).is_file()]
    if vendor:
        return ArtifactError(
            f"holds only files compiled for a card ({', '.join(vendor)}), no "
            f"{MANIFEST_SUFFIX} that the emulator could run",
            where=prefix,
            hint="build the model with `vamc build`, or choose a card with --device",
        )
    nearby = sorted(
        p.name.removesuffix(MANIFEST_SUFFIX)
        for p in (prefix.parent if not prefix.is_dir() else prefix).glob(f"*{MANIFEST_SUFFIX}")
    )
    folder = prefix if prefix.is_dir() else prefix.parent
    hint = f"use -m {folder / nearby[0]}" if nearby else "run `vamc build` first"
    return ArtifactError("no compiled artifact here", where=prefix, hint=hint)
