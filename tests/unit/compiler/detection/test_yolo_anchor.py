# SPDX-License-Identifier: Apache-2.0
"""yolov5_nms and yolov4_nms against the slow reference, in every form they take."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.testing.detection import reference

Array = NDArray[Any]
Detect = Callable[..., dict[str, Array]]
Same = Callable[..., None]

SIZE = (32, 48)
STRIDES = (8, 16, 32)
ANCHORS = [10, 13, 16, 30, 33, 23, 30, 61, 62, 45, 59, 119]
CHANNELS = 8  # 5 + 3 classes
SETTINGS = {"anchor": ANCHORS, "strides": list(STRIDES)}


@pytest.fixture
def maps() -> list[Array]:
    """Two samples of random maps, two anchors a cell; about a third of the boxes count."""
    rng = np.random.default_rng(7)
    cells = [(4, 6), (2, 3), (1, 2)]
    return [rng.normal(0.5, 1.5, (2, 2 * CHANNELS, *each)).astype(np.float32) for each in cells]


def as_outputs(maps: list[Array]) -> dict[str, Array]:
    return {f"level{i}": each for i, each in enumerate(maps)}


def five_axes(each: Array) -> Array:
    n, _, h, w = each.shape
    return np.ascontiguousarray(each.reshape(n, 2, CHANNELS, h, w).transpose(0, 1, 3, 4, 2))


def channels_last(each: Array) -> Array:
    return np.ascontiguousarray(each.transpose(0, 2, 3, 1))


def boxes_of(maps: list[Array], sample: int) -> list[reference.Box]:
    return list(reference.anchored([each[sample] for each in maps], STRIDES, ANCHORS))


def decoded(boxes: list[reference.Box]) -> list[list[float]]:
    """Write the reference's boxes as a table of (x, y, w, h, objectness 1, classes)."""
    table = []
    for (x1, y1, x2, y2), scores, _ in boxes:
        table.append([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 1.0, *scores])
    return table


@pytest.mark.parametrize(
    "arrange", [lambda each: each, five_axes, channels_last], ids=["NCHW", "5-D", "NHWC"]
)
def test_yolov5_decodes_maps(
    maps: list[Array], detect: Detect, assert_same: Same, arrange: Callable[[Array], Array]
) -> None:
    results = detect("yolov5_nms", as_outputs([arrange(each) for each in maps]), SIZE, **SETTINGS)
    assert list(results) == ["ids", "scores", "boxes"]
    assert_same(results, [boxes_of(maps, sample) for sample in range(2)])


def test_yolov5_takes_levels_in_any_order(
    maps: list[Array], detect: Detect, assert_same: Same
) -> None:
    results = detect("yolov5_nms", as_outputs(maps[::-1]), SIZE, **SETTINGS)
    assert_same(results, [boxes_of(maps, sample) for sample in range(2)])


def test_yolov5_leaves_maps_alone_that_are_shares_already(
    maps: list[Array], detect: Detect, assert_same: Same
) -> None:
    results = detect("yolov5_nms", as_outputs(maps), SIZE, through="Sigmoid", **SETTINGS)
    assert_same(results, [boxes_of(maps, sample) for sample in range(2)])


@pytest.mark.parametrize("kind", ["yolov5_nms", "yolov4_nms"])
@pytest.mark.parametrize("is_transposed", [False, True], ids=["rows", "columns"])
def test_a_decoded_table_needs_no_anchors(
    maps: list[Array], detect: Detect, assert_same: Same, kind: str, is_transposed: bool
) -> None:
    samples = [boxes_of(maps, sample) for sample in range(2)]
    table = np.array([decoded(boxes) for boxes in samples], np.float32)
    value = np.ascontiguousarray(table.transpose(0, 2, 1)) if is_transposed else table
    results = detect(kind, {"output": value}, SIZE)
    assert_same(results, samples)


def test_yolov5_prefers_maps_and_says_what_it_drops(
    maps: list[Array], detect: Detect, assert_same: Same, caplog: pytest.LogCaptureFixture
) -> None:
    outputs = {"output": np.zeros((2, 60, CHANNELS), np.float32), **as_outputs(maps)}
    results = detect("yolov5_nms", outputs, SIZE, **SETTINGS)
    assert_same(results, [boxes_of(maps, sample) for sample in range(2)])
    assert "does not need these outputs: output [N, 60, 8]" in caplog.text


@pytest.mark.parametrize(
    ("given", "scales"),
    [({}, (1.2, 1.1, 1.05)), ({"scale_x_y": [1.0, 1.0, 2.0]}, (1.0, 1.0, 2.0))],
    ids=["as darknet", "given"],
)
def test_yolov4_decodes_maps(
    maps: list[Array],
    detect: Detect,
    assert_same: Same,
    given: dict[str, Any],
    scales: tuple[float, ...],
) -> None:
    results = detect("yolov4_nms", as_outputs(maps), SIZE, **SETTINGS, **given)
    samples = [
        list(reference.anchored([each[sample] for each in maps], STRIDES, ANCHORS, scales))
        for sample in range(2)
    ]
    assert_same(results, samples)


def test_yolov4_takes_boxes_as_shares_of_the_image(
    maps: list[Array], detect: Detect, assert_same: Same
) -> None:
    samples = [boxes_of(maps, sample) for sample in range(2)]
    corners = np.array([[box[0] for box in boxes] for boxes in samples], np.float32)
    shares = corners / np.array([48, 32, 48, 32], np.float32)
    scores = np.array([[box[1] for box in boxes] for boxes in samples], np.float32)
    results = detect("yolov4_nms", {"boxes": shares[:, :, None], "confs": scores}, SIZE)
    assert list(results) == ["ids", "scores", "boxes"]  # the model's own boxes gave way
    assert_same(results, samples)
