# SPDX-License-Identifier: Apache-2.0
"""yolov8_nms, yolov11_nms, yolov12_nms and yolov10_nms against the slow reference."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.errors import ModelError
from vackit.testing.detection import reference

Array = NDArray[Any]
Detect = Callable[..., dict[str, Array]]
Same = Callable[..., None]

SIZE = (32, 48)
STRIDES = (8, 16, 32)
CELLS = [(4, 6), (2, 3), (1, 2)]
NUM_BOXES = 32
BINS, CLASSES = 16, 3


def random_maps(bins: int = BINS, seed: int = 3) -> list[Array]:
    rng = np.random.default_rng(seed)
    maps = [rng.normal(0, 1.5, (2, 4 * bins + CLASSES, *each)) for each in CELLS]
    for each in maps:
        # distances of a few cells, as trained heads make them
        each[:, : 4 * bins] += 1 - np.arange(4 * bins).reshape(1, -1, 1, 1) % bins
    return [each.astype(np.float32) for each in maps]


def boxes_of(maps: list[Array], bins: int = BINS) -> list[list[reference.Box]]:
    return [
        list(reference.distances([each[sample] for each in maps], STRIDES, bins))
        for sample in range(2)
    ]


def as_outputs(maps: list[Array]) -> dict[str, Array]:
    return {f"level{i}": each for i, each in enumerate(maps)}


def tables(samples: list[list[reference.Box]], *, is_centered: bool = True) -> Array:
    """Write the reference's boxes as (2, 4 + classes, boxes)."""
    rows = []
    for boxes in samples:
        corners = np.array([box[0] for box in boxes])
        first, last = corners[:, :2], corners[:, 2:]
        place = [(first + last) / 2, last - first] if is_centered else [first, last]
        rows.append(np.concatenate([*place, np.array([box[1] for box in boxes])], axis=1))
    return np.array(rows, np.float32).transpose(0, 2, 1).copy()


@pytest.mark.parametrize("kind", ["yolov8_nms", "yolov11_nms", "yolov12_nms", "yolov10_nms"])
def test_maps_are_decoded(detect: Detect, assert_same: Same, kind: str) -> None:
    maps = random_maps()
    results = detect(kind, as_outputs(maps), SIZE)
    assert list(results) == ["ids", "scores", "boxes"]
    assert_same(results, boxes_of(maps), suppress=kind != "yolov10_nms")


@pytest.mark.parametrize("bins", [16, 8, 1])
@pytest.mark.parametrize("is_split", [False, True], ids=["together", "apart"])
def test_the_number_of_bins_is_found(
    detect: Detect, assert_same: Same, bins: int, is_split: bool
) -> None:
    maps = random_maps(bins)
    outputs = as_outputs(maps)
    if is_split:
        outputs = {f"box{i}": each[:, : 4 * bins] for i, each in enumerate(maps)}
        outputs |= {f"cls{i}": each[:, 4 * bins :] for i, each in enumerate(maps)}
    results = detect("yolov8_nms", outputs, SIZE)
    assert_same(results, boxes_of(maps, bins))


def test_of_equal_maps_the_boxes_come_first(
    detect: Detect, assert_same: Same, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    maps = [rng.normal(-1, 1.5, (1, 128, *each)).astype(np.float32) for each in CELLS]
    outputs = {f"{name}{i}": each[:, part] for i, each in enumerate(maps)
               for name, part in (("box", slice(64)), ("cls", slice(64, None)))}  # fmt: skip
    results = detect("yolov8_nms", outputs, SIZE, num_classes=64)
    boxes = list(reference.distances([each[0] for each in maps], STRIDES, 16))
    assert_same(results, [boxes])
    assert "'box0', which comes first, is of boxes" in caplog.text


def test_of_equal_maps_a_sigmoid_tells_the_classes(
    detect: Detect, assert_same: Same, caplog: pytest.LogCaptureFixture
) -> None:
    rng = np.random.default_rng(1)
    maps = [rng.normal(-1, 1.5, (1, 128, *each)).astype(np.float32) for each in CELLS]
    outputs = {f"{name}{i}": each[:, part] for name, part in (("cls", slice(64, None)),
               ("box", slice(64))) for i, each in enumerate(maps)}  # fmt: skip
    through = dict.fromkeys([name for name in outputs if "cls" in name], "Sigmoid")
    results = detect("yolov8_nms", outputs, SIZE, num_classes=64, through=through)
    assert_same(results, [list(reference.distances([each[0] for each in maps], STRIDES, 16))])
    assert not caplog.text


def test_class_maps_that_are_shares_already_stay(detect: Detect, assert_same: Same) -> None:
    maps = random_maps(1)  # distances of one bin go through the Sigmoid too: between 0 and 1
    results = detect("yolov8_nms", as_outputs(maps), SIZE, through="Sigmoid")
    for each in maps:
        each[:, :4] = 1 / (1 + np.exp(-each[:, :4]))
    assert_same(results, boxes_of(maps, 1))


@pytest.mark.parametrize("kind", ["yolov8_nms", "yolov10_nms"])
@pytest.mark.parametrize("is_transposed", [False, True], ids=["columns", "rows"])
def test_decoded_tables_are_taken(
    detect: Detect, assert_same: Same, kind: str, is_transposed: bool
) -> None:
    samples = boxes_of(random_maps())
    table = tables(samples, is_centered=kind == "yolov8_nms")
    value = table.transpose(0, 2, 1).copy() if is_transposed else table
    results = detect(kind, {"output0": value}, SIZE)
    assert_same(results, samples, suppress=kind == "yolov8_nms")


def test_yolov10_takes_rows_that_its_model_has_chosen(detect: Detect) -> None:
    rows = np.array(
        [[[1, 2, 3, 4, 0.9, 2], [5, 6, 7, 8, 0.1, 1], [1, 2, 3, 5, 0.8, 0]]], np.float32
    )
    results = detect("yolov10_nms", {"output0": rows}, SIZE, max_detections=4)
    assert results["ids"].tolist() == [[2, 0, -1, -1]]
    assert results["scores"].tolist() == [[np.float32(0.9), np.float32(0.8), -1, -1]]
    assert results["boxes"][0].tolist() == [[1, 2, 3, 4], [1, 2, 3, 5], [-1] * 4, [-1] * 4]


def masks_of(form: str, masks: Array) -> dict[str, Array]:
    """Write mask coefficients (2, m, boxes) in one of the forms that models return."""
    if form == "columns":
        return {"mc": masks}
    if form == "rows":
        return {"mc": masks.transpose(0, 2, 1).copy()}
    starts = np.cumsum([0, *(h * w for h, w in CELLS)])
    return {f"mc{i}": masks[:, :, starts[i] : starts[i + 1]].reshape(2, -1, h, w).copy()
            for i, (h, w) in enumerate(CELLS)}  # fmt: skip


@pytest.mark.parametrize("form", ["columns", "rows", "maps", "decoded"])
def test_masks_follow_their_boxes(detect: Detect, assert_same: Same, form: str) -> None:
    rng = np.random.default_rng(5)
    maps, masks = random_maps(), rng.normal(0, 1, (2, 5, NUM_BOXES)).astype(np.float32)
    prototypes = rng.normal(0, 1, (2, 5, 8, 12)).astype(np.float32)
    samples = [
        [(corners, scores, masks[sample, :, i].tolist())
         for i, (corners, scores, _) in enumerate(boxes)]
        for sample, boxes in enumerate(boxes_of(maps))
    ]  # fmt: skip
    if form == "decoded":
        outputs = {"output0": np.concatenate([tables(boxes_of(maps)), masks], axis=1)}
    else:
        outputs = as_outputs(maps) | masks_of(form, masks)
    results = detect("yolov8_nms", outputs | {"p": prototypes}, SIZE, seg_enable=True)
    assert list(results) == ["ids", "scores", "boxes", "masks", "prototypes"]
    np.testing.assert_array_equal(results["prototypes"], prototypes)
    assert_same(results, samples)


def test_masks_are_missed_when_they_are_asked_for(detect: Detect) -> None:
    with pytest.raises(ModelError, match=r"does not fit the model's outputs.*with seg_enable"):
        detect("yolov8_nms", as_outputs(random_maps()), SIZE, seg_enable=True)
