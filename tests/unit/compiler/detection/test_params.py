# SPDX-License-Identifier: Apache-2.0
"""The parameters of detection post-processing and what is refused in them."""

from typing import Any

import pytest

from vackit.compiler.detection.params import NmsParams, read_params
from vackit.errors import ModelError

GIVEN: dict[str, Any] = {"num_classes": 80, "nms_threshold": 0.65, "confidence_threshold": 0.001}


def test_published_params_are_read() -> None:
    given = {**GIVEN, "anchor": [10, 13, 16, 30, 33, 23], "strides": [8, 16, 32]}
    params = read_params({**given, "seg_enable": True}, "x.yaml")
    assert params == NmsParams(
        80, 0.65, 0.001, (10, 13, 16, 30, 33, 23), (8, 16, 32), seg_enable=True
    )
    assert params.level_anchors(2) == [(10, 13), (16, 30), (33, 23)]


def test_what_published_files_leave_out_has_its_usual_value() -> None:
    params = read_params(GIVEN, "x.yaml")
    assert (params.strides, params.max_detections, params.seg_enable) == ((8, 16, 32), 300, False)


@pytest.mark.parametrize("name", list(GIVEN))
def test_a_missing_parameter_is_named(name: str) -> None:
    given = {key: value for key, value in GIVEN.items() if key != name}
    with pytest.raises(
        ModelError, match=rf"^x\.yaml: graph\.extra_ops\.params\.{name} is missing$"
    ):
        read_params(given, "x.yaml")


def test_an_unknown_parameter_is_refused_with_the_near_one() -> None:
    with pytest.raises(ModelError, match="has no 'anchors'; it takes num_classes, ") as error:
        read_params({**GIVEN, "anchors": [1, 2]}, "x.yaml")
    assert error.value.hint == "did you mean 'anchor'?"


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("num_classes", 0, "a whole number from 1"),
        ("num_classes", True, "a whole number from 1"),
        ("num_classes", 80.0, "a whole number from 1"),
        ("nms_threshold", 1.5, "a number of 0 to 1"),
        ("confidence_threshold", "0.1", "a number of 0 to 1"),
        ("confidence_threshold", float("nan"), "a number of 0 to 1"),
        ("anchor", [], "a flat list of sizes in pixels"),
        ("anchor", [[10, 13]], "a flat list of sizes in pixels"),
        ("anchor", 10, "a flat list of sizes in pixels"),
        ("strides", [8, 0], "a list of whole numbers from 1"),
        ("seg_enable", 1, "true or false"),
        ("scale_x_y", [0], "a list of numbers above 0, one a stride"),
        ("max_detections", [300], "a whole number from 1"),
    ],
    ids=lambda value: str(value).replace(" ", "_"),
)
def test_a_value_of_another_kind_is_refused(name: str, value: Any, wanted: str) -> None:
    with pytest.raises(ModelError, match=rf"params\.{name} is .*, expected {wanted}$"):
        read_params({**GIVEN, name: value}, "x.yaml")


def test_anchors_must_divide_among_the_strides() -> None:
    params = read_params({**GIVEN, "anchor": [1, 2, 3, 4]}, "x.yaml")
    message = r"anchor holds 4 numbers; 3 strides \(8, 16, 32\) need a multiple of 6"
    with pytest.raises(ModelError, match=message):
        params.level_anchors(2)
