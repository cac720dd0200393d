# SPDX-License-Identifier: Apache-2.0
"""Outputs without a batch axis."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.artifact.store import open_artifact, write_artifact
from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.matrices import as_matrix, matrix_outputs
from vackit.tensors import TensorSpec
from vackit.testing.tiny_artifacts import write_tiny_artifact

EXT = vsx.OpType.FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT


@pytest.mark.parametrize(
    ("shape", "matrix"),
    [
        ((1, 26, 37), (26, 37)),
        ((26, 1, 37), (26, 37)),
        ((1, 1, 37), (1, 37)),
        ((26, 37), (26, 37)),
        ((1, 5, 2, 3), (6, 5)),
        ((4, 26, 37), (4, 26, 37)),
    ],
    ids=str,
)
def test_as_matrix_leaves_out_the_batch(shape: tuple[int, ...], matrix: tuple[int, ...]) -> None:
    assert as_matrix(np.empty(shape)).shape == matrix


def test_as_matrix_has_pixels_as_rows() -> None:
    maps = np.arange(12).reshape(1, 3, 2, 2)
    assert as_matrix(maps).tolist() == [[0, 4, 8], [1, 5, 9], [2, 6, 10], [3, 7, 11]]


def test_recognizers_give_matrices_unasked() -> None:
    outputs = (TensorSpec("text", (None, 40, 97), "float16"), TensorSpec("x", (None, 4), "float16"))
    assert matrix_outputs(outputs, EXT) == (True, False)
    assert matrix_outputs(outputs, None) == (False, False)


def test_marked_outputs_come_as_matrices(write_vdsp: Any) -> None:
    write_tiny_artifact(Path("mod"), "identity")
    artifact = open_artifact("mod")
    (spec,) = artifact.manifest.outputs
    marked = dataclasses.replace(
        artifact.manifest, outputs=(dataclasses.replace(spec, layout="YX"),)
    )
    files = {suffix: artifact.path(suffix).read_bytes() for suffix in marked.files}
    write_artifact(Path("mod"), marked, files)
    model = vsx.Model("mod", 2)
    assert model.output_shape == [[64, 3]]
    graph = vsx.Graph()
    graph.add_operators(
        *vsx.Operator.load_ops_from_json_file(write_vdsp()), vsx.ModelOperator(model)
    )
    stream = vsx.Stream(graph)
    stream.build()
    image = vsx.create_image(np.zeros((3, 9, 9), np.uint8), vsx.ImageFormat.RGB_PLANAR, 9, 9, 0)
    assert [sample[0].shape for sample in stream.run_sync([image] * 3)] == [[64, 3]] * 3
