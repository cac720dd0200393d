# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.artifact.store import REFERENCE_GRAPH_SUFFIX, Artifact
from vackit.compiler.explain.twins import open_twins
from vackit.errors import ArtifactError
from vackit.testing.tiny_artifacts import write_tiny_artifact


def test_open_twins_reads_both_graphs(artifact: Artifact) -> None:
    again, twins = open_twins(artifact.prefix)
    assert again == artifact
    names = {node.name for node in twins.floating.graph.node}
    assert "conv2_Conv" in names
    assert names <= {node.name for node in twins.integer.graph.node}


def test_open_twins_when_the_twin_was_left_behind(artifact: Artifact) -> None:
    artifact.path(REFERENCE_GRAPH_SUFFIX).unlink()
    match = r"its float twin is missing: no .*mod\.float\.onnx\n  hint: copy it from where"
    with pytest.raises(ArtifactError, match=match):
        open_twins(artifact.prefix)


def test_open_twins_when_none_was_stored(tmp_path: Path) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod", "conv", "fp32")
    with pytest.raises(ArtifactError, match="is fp32; there is something to explain where"):
        open_twins(artifact.prefix)
    text = artifact.path(".vackit.json").read_text().replace('"fp32"', '"int8"')
    artifact.path(".vackit.json").write_text(text)
    with pytest.raises(ArtifactError, match="hint: build again without --no_reference"):
        open_twins(artifact.prefix)
