# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import onnxruntime as ort
import pytest

from vackit.artifact.store import open_artifact
from vackit.testing import tiny_models
from vackit.testing.tiny_artifacts import write_tiny_artifact


@pytest.mark.parametrize("kind", sorted(tiny_models.MODELS))
def test_tiny_models_are_the_same_every_time(kind: str) -> None:
    make = tiny_models.MODELS[kind]
    assert make() == make()
    assert make(batch=1).graph.input[0].type.tensor_type.shape.dim[0].dim_value == 1


@pytest.mark.parametrize("kind", sorted(tiny_models.MODELS))
@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
@pytest.mark.parametrize("fixed_batch", [False, True], ids=["free", "fixed"])
def test_tiny_artifacts_run_as_their_manifest_says(
    tmp_path: Path, kind: str, dtype: str, fixed_batch: bool
) -> None:
    write_tiny_artifact(tmp_path / "mod", kind, dtype, fixed_batch)
    artifact = open_artifact(tmp_path / "mod")
    assert artifact.manifest.dtype == dtype
    assert artifact.manifest.max_batch == (1 if fixed_batch else None)
    session = ort.InferenceSession(str(artifact.graph_path), providers=["CPUExecutionProvider"])
    (spec,) = artifact.manifest.inputs
    size = 1 if fixed_batch else 3
    outputs = session.run(None, {spec.name: np.zeros((size, 3, 8, 8), spec.dtype)})
    for output, array in zip(artifact.manifest.outputs, outputs, strict=True):
        assert output.accepts(array.shape)
        assert array.dtype == np.dtype(output.dtype)
