# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.errors import ArtifactError, StreamError
from vackit.testing.program_models import flat_model, write_model
from vackit.testing.tiny_artifacts import write_tiny_artifact


@pytest.fixture(autouse=True)
def _artifact() -> None:
    write_tiny_artifact(Path("deploy/mod"), "two_outputs")


def test_model_tells_its_shapes_as_ints() -> None:
    model = vsx.Model("deploy/mod", 4, "")
    n, c, h, w = model.input_shape[0]
    assert (n, c, h, w) == (1, 3, 8, 8)
    assert model.input_shape[0][-2:] == [8, 8]
    assert model.output_shape == [[1, 4], [1, 4, 8, 8]]
    assert (model.input_count, model.output_count) == (1, 2)
    assert (model.batch_size, model.max_batch_size) == (4, 4)
    assert type(model.input_shape[0][0]) is int
    assert str(model.input_shape) == "[[1, 3, 8, 8]]"
    assert repr(model) == "Model('deploy/mod', batch_size=4)"
    assert isinstance(model.address, int)


@pytest.mark.parametrize(
    "path",
    ["deploy/mod", "deploy/mod.onnx", "deploy/mod.vackit.json", "deploy/mod.so", "deploy/mod.json",
     "deploy/mod_module_info.json", "deploy/yolo_module_info.json"],
)  # fmt: skip
def test_model_opens_from_any_of_its_names(path: str) -> None:
    assert vsx.Model(path, batch_size=1).artifact.prefix == Path("deploy/mod")


def test_model_opens_from_the_triple() -> None:
    triple = {"model_lib_path": "deploy/mod.so", "model_graph_path": "deploy/mod.json"}
    assert vsx.Model(triple).artifact.prefix == Path("deploy/mod")
    with pytest.raises(ArtifactError, match="a model's dict names its files, got keys a"):
        vsx.Model({"a": "b"})


def test_model_takes_numpy_batch_sizes() -> None:
    model = vsx.Model("deploy/mod", np.int64(2))  # type: ignore[arg-type]
    model.set_batch_size(3)
    assert model.batch_size == 3


def test_dynamic_calls_take_the_shape_that_was_built() -> None:
    model = vsx.Model("deploy/mod_module_info.json")
    model.set_input_shape([[2, 3, 8, 8]])
    message = "input shapes [[1, 3, 9, 8]] are asked for, the artifact was built for input"
    with pytest.raises(StreamError, match=re.escape(message)):
        model.set_input_shape([[1, 3, 9, 8]])


def test_model_explains_what_is_wrong() -> None:
    with pytest.raises(ArtifactError, match="no compiled artifact here"):
        vsx.Model("deploy/other")
    for wrong in (0, "2", 1.5):
        with pytest.raises(StreamError, match="expected a whole number from 1"):
            vsx.Model("deploy/mod", wrong)  # type: ignore[arg-type]


def test_outputs_without_batch_axis_keep_their_shape() -> None:
    model = vsx.Model(write_model("flat", flat_model(), max_batch=1), 2)
    assert model.input_shape == [[1, 3, 8, 8]]
    assert model.output_shape == [[8, 8]]
