# SPDX-License-Identifier: Apache-2.0
"""The choice among boxes: edges of counts, thresholds and ties, whatever the batch."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.testing.detection import reference

Array = NDArray[Any]
Detect = Callable[..., dict[str, Array]]
Same = Callable[..., None]


def head(*samples: Sequence[Sequence[float]]) -> dict[str, Array]:
    """Write boxes (x1, y1, x2, y2, score of each class ...) as a decoded YOLOv8 table."""
    rows = np.array(samples, np.float32)
    first, last = rows[..., :2], rows[..., 2:4]
    table = np.concatenate([(first + last) / 2, last - first, rows[..., 4:]], axis=2)
    return {"output0": table.transpose(0, 2, 1).copy()}


def kept(results: dict[str, Array], sample: int = 0) -> list[tuple[float, float, list[float]]]:
    rows = zip(
        *(results[name][sample].tolist() for name in ("ids", "scores", "boxes")), strict=True
    )
    return [(label, round(score, 4), corners) for label, score, corners in rows if label >= 0]


FAR = [100.0, 100, 110, 110]
BOX = [0.0, 0, 10, 10]
NEAR = [0.0, 0, 10, 8]  # overlaps BOX by 0.8


def test_nothing_found_is_all_padding(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*BOX, 0.1, 0.2, 0.0]]))
    for value, shape in zip(results.values(), [(1, 300), (1, 300), (1, 300, 4)], strict=True):
        assert value.shape == shape
        assert (value == -1).all()


def test_a_better_box_suppresses_its_class_only(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*NEAR, 0.8, 0.7, 0], [*BOX, 0.9, 0, 0]]))
    assert kept(results) == [(0, 0.9, BOX), (1, 0.7, NEAR)]


def test_a_box_may_be_of_two_classes(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*BOX, 0.5, 0, 0.75]]))
    assert kept(results) == [(2, 0.75, BOX), (0, 0.5, BOX)]


@pytest.mark.parametrize(("threshold", "count"), [(0.8, 2), (0.79, 1)], ids=["at", "above"])
def test_only_an_overlap_above_the_threshold_suppresses(
    detect: Detect, threshold: float, count: int
) -> None:
    outputs = head([[*BOX, 0.9, 0, 0], [*NEAR, 0.8, 0, 0]])
    assert len(kept(detect("yolov8_nms", outputs, nms_threshold=threshold))) == count


@pytest.mark.parametrize("kind", ["yolov8_nms", "yolov10_nms"])
def test_only_a_score_above_the_threshold_counts(detect: Detect, kind: str) -> None:
    outputs = head([[*BOX, 0.25, 0, 0], [*FAR, 0.2500001, 0, 0]])
    results = detect(kind, outputs, confidence_threshold=0.25)
    assert [label for label, _, _ in kept(results)] == [0]
    assert results["scores"][0, 0] > 0.25


@pytest.mark.parametrize("kind", ["yolov8_nms", "yolov10_nms"])
def test_a_threshold_of_zero_takes_every_score_above_zero(detect: Detect, kind: str) -> None:
    outputs = head([[*BOX, 1e-6, 0, 0], [*FAR, 0, 0, 0]])
    assert len(kept(detect(kind, outputs, confidence_threshold=0))) == 1


def test_of_equal_scores_the_lower_class_then_the_earlier_box_comes_first(detect: Detect) -> None:
    middle = [50.0, 50, 60, 60]
    rows = [[*BOX, 0, 0.5, 0], [*FAR, 0, 0.5, 0], [*middle, 0.5, 0, 0]]
    assert kept(detect("yolov8_nms", head(rows))) == [
        (0, 0.5, middle),
        (1, 0.5, BOX),
        (1, 0.5, FAR),
    ]


def test_of_equal_rivals_the_earlier_stays(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*NEAR, 0.5, 0, 0], [*BOX, 0.5, 0, 0]]))
    assert kept(results) == [(0, 0.5, NEAR)]


@pytest.mark.parametrize("limit", [1, 5, 300])
def test_the_best_stay_when_there_are_more_than_rows(
    detect: Detect, assert_same: Same, limit: int
) -> None:
    rng = np.random.default_rng(0)
    corners = np.arange(400)[:, None] * 20 + np.array([0, 0, 10, 10])
    rows = np.concatenate([corners, rng.uniform(0.3, 1, (400, 3))], axis=1).astype(np.float32)
    results = detect("yolov8_nms", head(rows.tolist()), max_detections=limit)
    boxes: list[reference.Box] = [
        (tuple(row[:4].tolist()), row[4:].astype(float).tolist(), []) for row in rows
    ]
    assert results["ids"].shape == (1, limit)
    assert_same(results, [boxes], max_detections=limit)


def test_one_class_is_enough(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*BOX, 0.9], [*NEAR, 0.8], [*FAR, 0.7]]), num_classes=1)
    assert kept(results) == [(0, 0.9, BOX), (0, 0.7, FAR)]


def test_boxes_that_are_not_numbers_are_passed_over(detect: Detect) -> None:
    results = detect("yolov8_nms", head([[*BOX, np.nan, 0, 0], [*FAR, 0.5, 0, 0]]))
    assert kept(results) == [(0, 0.5, FAR)]


@pytest.mark.parametrize("kind", ["yolov8_nms", "yolov10_nms"])
def test_a_sample_does_not_depend_on_its_batch(detect: Detect, kind: str) -> None:
    rng = np.random.default_rng(9)
    first = rng.uniform(0, 60, (4, 200, 2))
    corners = np.concatenate([first, first + rng.uniform(1, 40, (4, 200, 2))], axis=2)
    rows = np.concatenate([corners, rng.uniform(0, 1, (4, 200, 3))], axis=2)
    rows[2, :, 4:] = 0  # one sample of the batch without anything
    table = head(*rows.tolist())["output0"]
    together = detect(kind, {"output0": table})
    for sample in range(4):
        alone = detect(kind, {"output0": table[sample : sample + 1]})
        for name, value in alone.items():
            np.testing.assert_array_equal(value[0], together[name][sample])
