# SPDX-License-Identifier: Apache-2.0
"""The two graphs that are compared: the integer one and its float twin. Reads artifacts."""

from dataclasses import dataclass
from pathlib import Path

import onnx

from vackit.artifact.store import (
    REFERENCE_GRAPH_SUFFIX,
    REFERENCE_SUFFIXES,
    Artifact,
    open_artifact,
)
from vackit.compiler.lowering import lift
from vackit.errors import ArtifactError


@dataclass(frozen=True)
class Twins:
    """A graph in integers and in float32: the same node names, weights inside.

    Attributes:
        integer: The graph that devices run, its nodes as before lowering.
        floating: What it was quantized from.
        where: What to name in errors.
    """

    integer: onnx.ModelProto
    floating: onnx.ModelProto
    where: str


def open_twins(prefix: str | Path) -> tuple[Artifact, Twins]:
    """Open an int8 artifact and read both of its graphs.

    Raises:
        ArtifactError: There is no artifact, it is not int8, or it has no float twin.
    """
    artifact = open_artifact(prefix)
    manifest, where = artifact.manifest, str(artifact.prefix)
    if manifest.dtype != "int8":
        raise ArtifactError(
            f"is {manifest.dtype}; there is something to explain where dtype is int8",
            where=where,
            hint="build with --set backend.dtype=int8",
        )
    missing = [s for s in REFERENCE_SUFFIXES if not artifact.path(s).is_file()]
    if missing:
        listed = all(suffix in manifest.files for suffix in REFERENCE_SUFFIXES)
        raise ArtifactError(
            f"its float twin is missing: no {' and no '.join(where + s for s in missing)}",
            where=where,
            hint="copy it from where the artifact was built"
            if listed
            else "build again without --no_reference",
        )
    integer = lift(onnx.load(artifact.graph_path))
    return artifact, Twins(integer, onnx.load(artifact.path(REFERENCE_GRAPH_SUFFIX)), where)
