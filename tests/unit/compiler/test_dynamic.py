# SPDX-License-Identifier: Apache-2.0
"""Builds of a range of shapes."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from vackit.artifact.store import open_artifact
from vackit.compiler.dynamic import example_sizes, range_of, set_range
from vackit.compiler.graph import set_shape, shape_of
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig
from vackit.errors import ModelError
from vackit.tensors import TensorSpec
from vackit.testing.program_models import dynamic_model

MakeConfig = Callable[..., BuildConfig]
Run = Callable[..., dict[str, Any]]
Range = tuple[tuple[int, ...], tuple[int, ...]]
WIDE: Range = ((1, 3, 8, 8), (1, 3, 16, 24))


def with_range(config: BuildConfig, bounds: Range = WIDE, name: str = "input") -> BuildConfig:
    frontend = dataclasses.replace(config.frontend, shape={}, shape_ranges={name: bounds})
    return dataclasses.replace(config, frontend=frontend)


@pytest.mark.parametrize("dtype", ["fp32", "fp16", "int8"])
def test_build_compiles_a_range_of_shapes(make_config: MakeConfig, run: Run, dtype: str) -> None:
    model = dynamic_model()
    report = build(with_range(make_config(model, dtype)))
    assert [str(spec).rsplit(" ", 1)[0] for spec in (*report.inputs, *report.outputs)] == [
        "input [N, 3, 8..16, 8..24]",
        "rows [N, 4..24, 4]",
        "map [N, 8, 8..16, 8..24]",
    ]
    artifact = open_artifact(report.prefix)
    assert artifact.manifest.inputs == report.inputs
    # mean, of the largest output: float32 rounding, 11 bits of float16, 8 bits over two layers
    # and values beyond those of a calibration set of one size
    limit = {"fp32": 1e-6, "fp16": 1e-3, "int8": 0.02}[dtype]
    for size in ((8, 8), (12, 20), (16, 24)):
        x = np.random.default_rng(1).uniform(0, 1, (2, 3, *size)).astype(np.float32)
        want = run(model, input=x)
        got = run(artifact.graph_path, input=x.astype(report.inputs[0].dtype))
        for name, expected in want.items():
            apart = np.abs(got[name].astype(np.float32) - expected).mean()
            assert apart <= limit * np.abs(expected).max()


def test_build_without_upper_bound(make_config: MakeConfig) -> None:
    report = build(with_range(make_config(dynamic_model()), ((1, 3, 8, 8), ())))
    assert str(report.inputs[0]) == "input [N, 3, 8.., 8..] float32"
    assert str(report.outputs[0]) == "rows [N, 4.., 4] float32"
    assert report.inputs[0].accepts((5, 3, 800, 8))
    assert not report.inputs[0].accepts((5, 3, 800, 7))


def test_build_calibrates_a_range_with_images_of_any_size_in_it(make_config: MakeConfig) -> None:
    config = with_range(make_config(dynamic_model(), "int8"), ((1, 3, 4, 4), (1, 3, 8, 8)))
    assert build(config).calibration is not None


def test_build_refuses_a_range_where_the_model_is_fixed(make_config: MakeConfig) -> None:
    model = dynamic_model()
    set_shape(model.graph.input[0], ("n", 3, 8, "w"))
    with pytest.raises(ModelError, match=r"goes from 8 to 16 on axis 2, but the model is fixed"):
        build(with_range(make_config(model)))


@pytest.mark.parametrize(
    "bounds",
    [((1, 3, 8, 8), (1, 3, 4, 8)), ((1, 3, 8, 8), (1, 3, 8)), ((8,), (16,))],
    ids=["falling", "other rank", "no batch"],
)
def test_build_refuses_what_is_no_range(make_config: MakeConfig, bounds: Range) -> None:
    with pytest.raises(ModelError, match="is no range of shapes"):
        build(with_range(make_config(dynamic_model()), bounds))


def test_build_says_when_a_model_does_not_follow_its_range(make_config: MakeConfig) -> None:
    model = dynamic_model()
    for node in model.graph.node:
        if node.op_type == "Reshape":  # a target of one size, as exporters fix it
            node.input[1] = "target"
    model.graph.initializer.append(
        onnx.numpy_helper.from_array(np.array([1, 4, 6], np.int64), "target")
    )
    with pytest.raises(ModelError, match="ONNX Runtime cannot run it"):
        build(with_range(make_config(model)))


def test_example_sizes_tell_height_from_width() -> None:
    value = helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 3, "h", "w"])
    set_range(value, *WIDE)
    assert shape_of(value) == ("N", 3, "x_2", "x_3")
    assert [example_sizes(value, i) for i in range(4)] == [
        (1, 3, 16, 24), (1, 3, 8, 8), (1, 3, 8, 24), (1, 3, 16, 24),
    ]  # fmt: skip
    set_range(value, (1, 3, 8, 8), (1, 3, 0, 0))
    assert range_of(value) == ((1, 3, 8, 8), (1, 3, 0, 0))
    assert example_sizes(value, 0) == (1, 3, 16, 16)


def test_spec_of_a_range_survives_json() -> None:
    spec = TensorSpec("x", (None, 3, None, None), "float32", "NCHW", *WIDE)
    assert TensorSpec.from_json(spec.to_json()) == spec
    assert spec.sample_shape == (1, 3, 16, 24)
    assert spec.is_dynamic
    assert not TensorSpec("x", (None, 3), "float32").is_dynamic
