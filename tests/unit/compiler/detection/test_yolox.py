# SPDX-License-Identifier: Apache-2.0
"""yolox_nms against the slow reference, in every form that exporters leave."""

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
CELLS = [(4, 6), (2, 3), (1, 2)]


def random_maps(num_classes: int = 3) -> list[Array]:
    rng = np.random.default_rng(11)
    shapes = [(2, 5 + num_classes, *each) for each in CELLS]
    return [rng.normal(0.7, 1.2, shape).astype(np.float32) for shape in shapes]


def boxes_of(maps: list[Array]) -> list[list[reference.Box]]:
    return [list(reference.yolox([each[sample] for each in maps], STRIDES)) for sample in range(2)]


def shares(value: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-value.astype(np.float64))), np.float32)


def rows_of(maps: list[Array]) -> Array:
    """Lay maps out as the published exporter does: (2, boxes, channels)."""
    flat = [each.reshape(2, each.shape[1], -1) for each in maps]
    return np.concatenate(flat, axis=2).transpose(0, 2, 1).copy()


def test_maps_are_decoded(detect: Detect, assert_same: Same) -> None:
    maps = random_maps()
    outputs = {f"level{i}": each for i, each in enumerate(maps)}
    assert_same(detect("yolox_nms", outputs, SIZE), boxes_of(maps))


@pytest.mark.parametrize("num_classes", [1, 3, 4], ids=["one class", "three", "as many as sides"])
def test_three_maps_a_level_are_decoded(
    detect: Detect, assert_same: Same, num_classes: int
) -> None:
    maps = random_maps(num_classes)
    parts = {"reg": slice(4), "obj": slice(4, 5), "cls": slice(5, None)}
    outputs = {f"{n}{i}": m[:, part] for i, m in enumerate(maps) for n, part in parts.items()}
    results = detect("yolox_nms", outputs, SIZE, num_classes=num_classes)
    assert_same(results, boxes_of(maps))


@pytest.mark.parametrize("num_classes", [1, 3, 4], ids=["one class", "three", "as many as sides"])
def test_maps_in_the_order_of_mmdetection_are_decoded(
    detect: Detect, assert_same: Same, num_classes: int
) -> None:
    maps = random_maps(num_classes)
    parts = {"cls": slice(5, None), "bbox": slice(4), "obj": slice(4, 5)}
    outputs = {f"{n}{i}": m[:, part] for n, part in parts.items() for i, m in enumerate(maps)}
    results = detect("yolox_nms", outputs, SIZE, num_classes=num_classes)
    assert_same(results, boxes_of(maps))


@pytest.mark.parametrize("is_transposed", [False, True], ids=["rows", "columns"])
def test_a_raw_table_is_decoded(detect: Detect, assert_same: Same, is_transposed: bool) -> None:
    maps = random_maps()
    table = rows_of(maps)
    value = table.transpose(0, 2, 1).copy() if is_transposed else table
    assert_same(detect("yolox_nms", {"output": value}, SIZE), boxes_of(maps))


def test_a_table_whose_scores_are_shares_keeps_them(detect: Detect, assert_same: Same) -> None:
    maps = random_maps()
    results = detect("yolox_nms", {"output": rows_of(maps)}, SIZE, through="Sigmoid")
    for each in maps:  # the planting Sigmoid bends the boxes too; the reference's undoes scores
        each[:, :4] = shares(each[:, :4])
    assert_same(results, boxes_of(maps))


def test_a_table_behind_an_exp_is_decoded_already(detect: Detect, assert_same: Same) -> None:
    rng = np.random.default_rng(2)
    table = np.concatenate([rng.uniform(1, 40, (1, 32, 4)), rng.uniform(0, 1, (1, 32, 4))], axis=2)
    boxes: list[reference.Box] = [
        (reference.around(*row[:4]), [row[4] * score for score in row[5:]], []) for row in table[0]
    ]
    planted = np.log(table).astype(np.float32)
    assert_same(detect("yolox_nms", {"output": planted}, SIZE, through="Exp"), [boxes])
