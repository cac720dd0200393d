# SPDX-License-Identifier: Apache-2.0
"""retinaface_nms against the slow reference."""

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

SIZE = (40, 48)  # no multiple of the strides: levels are rounded up
STRIDES = (8, 16, 32)
CELLS = [(5, 6), (3, 3), (2, 2)]
SIDES = [16, 32, 64, 128, 256, 512]
NUM_BOXES = 2 * sum(h * w for h, w in CELLS)
SETTINGS = {"num_classes": 1, "anchor": SIDES}
NAMES = {"bbox": 4, "face": 2, "marks": 10}


@pytest.fixture
def tables() -> dict[str, Array]:
    rng = np.random.default_rng(4)
    shapes = {name: (2, NUM_BOXES, width) for name, width in NAMES.items()}
    return {name: rng.normal(0, 1, shape).astype(np.float32) for name, shape in shapes.items()}


def boxes_of(tables: dict[str, Array]) -> list[list[reference.Box]]:
    samples = zip(*(tables[name] for name in NAMES), strict=True)
    return [
        list(reference.retinaface(boxes, faces, marks, SIZE, STRIDES, SIDES))
        for boxes, faces, marks in samples
    ]


def test_tables_are_decoded(tables: dict[str, Array], detect: Detect, assert_same: Same) -> None:
    results = detect("retinaface_nms", tables, SIZE, **SETTINGS)
    assert [(name, value.shape) for name, value in results.items()] == [
        ("scores", (2, 300, 1)), ("boxes", (2, 300, 4)), ("landmarks", (2, 300, 10)),
    ]  # fmt: skip
    assert_same(results, boxes_of(tables))


def test_maps_are_decoded(tables: dict[str, Array], detect: Detect, assert_same: Same) -> None:
    outputs = {}
    for name, width in NAMES.items():
        start = 0
        for level, (h, w) in enumerate(CELLS):
            part = tables[name][:, start : start + 2 * h * w].reshape(2, h, w, 2 * width)
            outputs[f"{name}{level}"] = part.transpose(0, 3, 1, 2).copy()
            start += 2 * h * w
    assert_same(detect("retinaface_nms", outputs, SIZE, **SETTINGS), boxes_of(tables))


def test_faces_that_are_shares_already_stay(
    tables: dict[str, Array], detect: Detect, assert_same: Same
) -> None:
    results = detect("retinaface_nms", tables, SIZE, through="Softmax", **SETTINGS)
    for name in ("bbox", "marks"):  # planted through Softmax too
        grown = np.exp(tables[name])
        tables[name] = grown / grown.sum(axis=2, keepdims=True)
    assert_same(results, boxes_of(tables))


def test_landmarks_may_be_missing(tables: dict[str, Array], detect: Detect) -> None:
    whole = detect("retinaface_nms", tables, SIZE, **SETTINGS)
    del tables["marks"]
    results = detect("retinaface_nms", tables, SIZE, **SETTINGS)
    assert list(results) == ["scores", "boxes"]
    np.testing.assert_array_equal(results["boxes"], whole["boxes"])


@pytest.mark.parametrize(
    "changes", [{"num_classes": 2}, {"anchor": [16, 32, 64]}], ids=["classes", "anchors"]
)
def test_a_head_of_other_numbers_is_refused(
    tables: dict[str, Array], detect: Detect, changes: dict[str, Any]
) -> None:
    with pytest.raises(ModelError, match=r"does not fit .* bbox \[N, 86, 4\]; face \[N, 86, 2\]"):
        detect("retinaface_nms", tables, SIZE, **SETTINGS | changes)
