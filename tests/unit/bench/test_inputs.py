# SPDX-License-Identifier: Apache-2.0
"""Shapes on the command line, and random samples of them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import Artifact
from vackit.bench.inputs import parse_shapes, random_sample
from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.errors import UsageError
from vackit.tensors import TensorSpec

IMAGE = TensorSpec("x", (None, 3, 8, 6), "float32")


def program(*inputs: TensorSpec) -> Program:
    output = TensorSpec("y", (None, 1), "float32")
    manifest = Manifest("m", "fp32", inputs, (output,), None, None, (), {}, "")
    return get_device("null").load(Artifact(Path("m"), manifest))


@pytest.mark.parametrize(
    ("text", "shapes"),
    [
        ("3,224,224", ((3, 224, 224),)),
        ("[3,224,224]", ((3, 224, 224),)),
        (" [3, 224, 224] ", ((3, 224, 224),)),
        ("[[3,224,224]]", ((3, 224, 224),)),
        ("[[1,128],[1,128]]", ((1, 128), (1, 128))),
        ("[1,128],[1,64]", ((1, 128), (1, 64))),
    ],
)
def test_parse_shapes_takes_the_published_forms(text: str, shapes: Any) -> None:
    assert parse_shapes(text) == shapes


@pytest.mark.parametrize(
    "text",
    ["", "3", "[3]", "3x224x224", "3,0,224", "3,-1,4", "3,2.5,4", "[3,224", "[[1,2],3]", "true,1"],
)
def test_parse_shapes_explains_globbing_when_it_is_no_shape(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no shape; expected .* file pattern to the shell"):
        parse_shapes(text)


@pytest.mark.parametrize(
    ("image_format", "shape"),
    [("RGB_PLANAR", (3, 10, 12)), ("BGR888", (10, 12, 3)), ("YUV_NV12", (15, 12))],
)
def test_random_sample_is_an_image_in_the_operators_format(
    image_format: str, shape: tuple[int, ...]
) -> None:
    vdsp = VdspParams("OP", image_format=image_format)
    sample, text = random_sample(program(IMAGE), vdsp, [(3, 10, 12)])
    assert sample.shape == shape
    assert sample.dtype == np.uint8
    assert text == f"a random 10x12 image ({image_format})"


def test_random_sample_is_of_the_models_size_when_none_is_asked_for() -> None:
    sample, _ = random_sample(program(IMAGE), VdspParams("OP"), [])
    assert sample.shape == (3, 8, 6)


def test_random_sample_takes_a_leading_1() -> None:
    sample, _ = random_sample(program(IMAGE), VdspParams("OP"), [(1, 3, 4, 4)])
    assert sample.shape == (3, 4, 4)


@pytest.mark.parametrize("shapes", [[(1, 4, 4)], [(4, 4)], [(3, 4, 4), (3, 4, 4)]], ids=str)
def test_random_sample_refuses_what_is_no_rgb_image(shapes: list[tuple[int, ...]]) -> None:
    with pytest.raises(UsageError, match="the shape is that of one RGB image, 3,HEIGHT,WIDTH"):
        random_sample(program(IMAGE), VdspParams("OP"), shapes)


@pytest.mark.parametrize("shapes", [[], [(1, 5), (1, 5)], [(5,), (5,)]], ids=str)
def test_random_sample_is_what_the_model_takes(shapes: list[tuple[int, ...]]) -> None:
    specs = (TensorSpec("ids", (None, 5), "int32"), TensorSpec("mask", (None, 5), "float16"))
    (ids, mask), text = random_sample(program(*specs), None, shapes)
    assert ids.shape == mask.shape == (1, 5)
    assert set(ids.ravel()) <= {0, 1}
    assert mask.dtype == np.float16
    assert text == "random ids [N, 5] int32, mask [N, 5] float16"


@pytest.mark.parametrize("shapes", [[(3, 8, 7)], [(3, 8, 6), (3, 8, 6)]], ids=str)
def test_random_sample_refuses_shapes_that_are_not_the_models(
    shapes: list[tuple[int, ...]],
) -> None:
    with pytest.raises(UsageError, match=r"does not fit the model's inputs: x \[N, 3, 8, 6\]"):
        random_sample(program(IMAGE), None, shapes)


def test_random_sample_of_several_sizes_takes_the_one_asked_for() -> None:
    bounds = ((1, 3, 8, 8), (1, 3, 16, 0))
    several = program(TensorSpec("x", (None, 3, None, None), "float32", "NCHW", *bounds))
    tensors, text = random_sample(several, None, [(3, 12, 40)])
    assert tensors[0].shape == (1, 3, 12, 40)
    assert text == "random x [N, 3, 8..16, 8..] float32 of [1, 3, 12, 40]"
    assert random_sample(several, None, [])[0][0].shape == (1, 3, 16, 8)
    with pytest.raises(UsageError, match="does not fit the model's inputs"):
        random_sample(several, None, [(3, 20, 40)])


def test_random_sample_takes_the_shapes_of_all_token_tensors() -> None:
    specs = [TensorSpec(name, (None, 16), "int64") for name in ("ids", "mask")]
    sample, _ = random_sample(program(*specs), None, [(1, 16)] * 6)
    assert [array.shape for array in sample] == [(1, 16)] * 2
    with pytest.raises(UsageError, match="does not fit the model's inputs: ids"):
        random_sample(program(*specs), None, [(1, 16), (1, 8), (1, 16)])
