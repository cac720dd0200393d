# SPDX-License-Identifier: Apache-2.0
"""The manifest of a compiled artifact: ``PREFIX.vackit.json``.

It describes the artifact completely and holds no absolute path, host name or duration, so
that two builds of the same inputs on one machine give the same bytes.
"""

from dataclasses import dataclass, field
from typing import Any

from vackit.errors import ArtifactError
from vackit.tensors import TensorSpec

FORMAT_VERSION = 1


@dataclass(frozen=True)
class FilePart:
    """One file of the artifact: its size in bytes and the sha256 of its content."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """What an artifact is.

    Attributes:
        name: The build config's ``name``.
        dtype: ``"fp32"``, ``"fp16"`` or ``"int8"``.
        inputs: What the program takes; axis 0 ``None`` where the batch is free.
        outputs: What it returns.
        max_batch: The largest batch of one execution, ``None`` where it is free.
        quantization: Scheme, calibration mode, images and ranges; ``None`` for floats.
        preprocessing: The build config's process_ops in normalized form.
        tools: Versions of the tools that made it.
        model_sha256: Of the ONNX file that went in.
        passes: What each compiler pass changed, in order: ``{"pass": ..., "changes": n}``,
            with ``"nodes"`` (by how many each kind became more or fewer), ``"undone"`` or
            ``"skipped"`` (why) where there is something to say.
        verification: Whether outputs before and after the passes were compared, on how many
            samples, and the largest difference; ``None`` in artifacts older than that.
        files: By suffix (``".onnx"``), without the manifest itself.
    """

    name: str
    dtype: str
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch: int | None
    quantization: dict[str, Any] | None
    preprocessing: tuple[dict[str, Any], ...]
    tools: dict[str, str]
    model_sha256: str
    passes: tuple[dict[str, Any], ...] = ()
    verification: dict[str, Any] | None = None
    files: dict[str, FilePart] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the manifest as it is written."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "dtype": self.dtype,
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
            "max_batch": self.max_batch,
            "quantization": self.quantization,
            "preprocessing": list(self.preprocessing),
            "passes": list(self.passes),
            "verification": self.verification,
            "tools": self.tools,
            "model_sha256": self.model_sha256,
            "files": {
                suffix: {"size_bytes": part.size_bytes, "sha256": part.sha256}
                for suffix, part in sorted(self.files.items())
            },
        }

    @classmethod
    def from_json(cls, data: Any, where: str) -> "Manifest":
        """Read a manifest; ``where`` names its file in errors.

        Raises:
            ArtifactError: The format version is unknown, or a field is missing or of the
                wrong type.
        """
        if not isinstance(data, dict) or "format_version" not in data:
            raise ArtifactError("not a vackit manifest: no format_version", where=where)
        if data["format_version"] != FORMAT_VERSION:
            raise ArtifactError(
                f"format version {data['format_version']!r} is not known; "
                f"this vackit reads version {FORMAT_VERSION}",
                where=where,
                hint="build the artifact again with `vamc build`",
            )
        try:
            return cls(
                name=str(data["name"]),
                dtype=str(data["dtype"]),
                inputs=tuple(TensorSpec.from_json(spec) for spec in data["inputs"]),
                outputs=tuple(TensorSpec.from_json(spec) for spec in data["outputs"]),
                max_batch=None if data["max_batch"] is None else int(data["max_batch"]),
                quantization=data["quantization"],
                preprocessing=tuple(data["preprocessing"]),
                tools=dict(data["tools"]),
                model_sha256=str(data["model_sha256"]),
                passes=tuple(data["passes"]),
                verification=data.get("verification"),
                files={
                    _suffix(name): FilePart(int(part["size_bytes"]), str(part["sha256"]))
                    for name, part in data["files"].items()
                },
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ArtifactError(
                f"the manifest is damaged: {type(error).__name__} at {error}",
                where=where,
                hint="build the artifact again with `vamc build`",
            ) from error


def _suffix(name: str) -> str:
    # a manifest may come from anywhere: its parts stay beside it
    if not name.startswith(".") or "/" in name or "\\" in name or "\0" in name:
        raise ValueError(f"files: {name!r} is not a file suffix")
    return name
