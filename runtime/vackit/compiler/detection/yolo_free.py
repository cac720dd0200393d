# SPDX-License-Identifier: Apache-2.0
"""Heads without anchors that predict distances: yolov8_nms, yolov11_nms, yolov12_nms.

yolov10_nms shares the maps, but its boxes are one to an object and need no suppression.
"""

import logging

import numpy as np

from vackit.compiler.detection.cells import (
    box_constants,
    cell_corners,
    cell_strides,
    centered,
    rows,
)
from vackit.compiler.detection.scene import Output, Scene
from vackit.compiler.detection.select import Candidates
from vackit.compiler.detection.tail import END, Tail

logger = logging.getLogger(__name__)

# bins of a distance's distribution: what every published model has comes first
_NUM_BINS = (16, *range(1, 16), *range(17, 65))


def distance_maps(scene: Scene, tail: Tail) -> Candidates | None:
    """Decode a map a level of (4 x bins, classes), or one map of each of the two.

    A distance (left, top, right, bottom, in cells, from the middle of the cell) is the
    expectation of its softmax over bins 0, 1, ...; classes are sigmoids.
    Source: Li et al. 2020, "Generalized Focal Loss", arXiv:2006.04388, eq. 5; Ultralytics
    YOLOv8, `Detect`.
    """
    found = _distance_maps(scene)
    if found is None:
        return None
    maps, bins = found
    num_classes = scene.params.num_classes
    if len(maps) == 1:
        value = rows(tail, maps[0], 4 * bins + num_classes)
        distances = tail.slice(value, 0, 4 * bins, axis=2)
        scores = tail.slice(value, 4 * bins, END, axis=2)
    else:
        distances = rows(tail, maps[0], 4 * bins)
        scores = rows(tail, maps[1], num_classes)
    if not scene.has_tail("Sigmoid", maps[-1]):
        scores = tail("Sigmoid", scores)
    used = [output for part in maps for output in part]
    boxes = _boxes(scene, tail, _expectation(tail, distances, bins))
    return _with_masks(scene, tail, boxes, tail.swap(scores), used)


def decoded_columns(scene: Scene, tail: Tail) -> Candidates | None:
    """Take one table of decoded boxes, (4 + classes, boxes) or transposed.

    Each holds center x, center y, width, height in pixels, classes, and with
    ``seg_enable`` the mask coefficients.
    """
    return _table(scene, tail, is_centered=True)


def decoded_corners(scene: Scene, tail: Tail) -> Candidates | None:
    """Take the same table where boxes are x1 y1 x2 y2: YOLOv10 cut before its top-k."""
    return _table(scene, tail, is_centered=False)


def best_rows(scene: Scene, tail: Tail) -> Candidates | None:
    """Take (boxes, 6) rows of x1 y1 x2 y2, score, class: a YOLOv10 that ends in its top-k."""
    fits = [o for o in scene.outputs if len(o.shape) == 2 and o.shape[1] == 6]
    if len(fits) != 1 or fits[0].shape[0] == scene.num_cells:
        return None
    name, num_boxes = fits[0].name, fits[0].shape[0]
    return Candidates(
        boxes=tail.slice(name, 0, 4, axis=2),
        scores=tail.swap(tail.slice(name, 4, 5, axis=2)),
        num_boxes=num_boxes,
        num_classes=1,
        used=frozenset({name}),
        labels=tail.slice(name, 5, 6, axis=2),
    )


def _distance_maps(scene: Scene) -> tuple[list[list[Output]], int] | None:
    num_classes = scene.params.num_classes
    for bins in _NUM_BINS:
        for channels in ((4 * bins, num_classes), (4 * bins + num_classes,)):
            if maps := scene.split_maps(*channels):
                is_clear = channels[0] != channels[-1] or len(maps) == 1
                return maps if is_clear else _told_apart(scene, maps), bins
    return None


def _told_apart(scene: Scene, maps: list[list[Output]]) -> list[list[Output]]:
    """Return boxes and classes of as many channels: a Sigmoid tells the classes."""
    shares = [scene.has_tail("Sigmoid", part) for part in maps]
    if shares == [True, False]:
        return maps[::-1]
    if not any(shares):
        message = "boxes and classes have maps of one size: '%s', which comes first, is of boxes"
        logger.warning(message, maps[0][0].name)
    return maps


def _expectation(tail: Tail, distances: str, bins: int) -> str:
    if bins == 1:
        return distances
    value = tail("Softmax", tail.reshape(distances, 0, -1, 4, bins), axis=3)
    value = tail("Mul", value, tail.floats(np.arange(bins)))
    return tail("ReduceSum", value, tail.ints([3]), keepdims=0)


def _boxes(scene: Scene, tail: Tail, distances: str) -> str:
    middle = box_constants(scene, tail, cell_corners(scene) + 0.5)
    first = tail("Sub", middle, tail.slice(distances, 0, 2, axis=2))
    last = tail("Add", middle, tail.slice(distances, 2, 4, axis=2))
    return tail(
        "Mul", tail.concat([first, last], axis=2), box_constants(scene, tail, cell_strides(scene))
    )


def _table(scene: Scene, tail: Tail, *, is_centered: bool) -> Candidates | None:
    num_classes = scene.params.num_classes
    prototypes = _prototypes(scene, ())
    num_masks = prototypes.shape[0] if prototypes else 0
    if scene.params.seg_enable and not prototypes:
        return None
    table = scene.table(4 + num_classes + num_masks)
    if table is None:
        return None
    is_column_major = table.shape[0] == 4 + num_classes + num_masks
    value = tail.swap(table.name) if is_column_major else table.name
    boxes = centered(tail, value) if is_centered else tail.slice(value, 0, 4, axis=2)
    found = Candidates(
        boxes=boxes,
        scores=tail.swap(tail.slice(value, 4, 4 + num_classes, axis=2)),
        num_boxes=table.shape[1 if is_column_major else 0],
        num_classes=num_classes,
        used=frozenset({table.name}),
    )
    if prototypes is None:
        return found
    masks = tail.slice(value, 4 + num_classes, END, axis=2)
    return _masked(found, masks, prototypes, ())


def _with_masks(
    scene: Scene, tail: Tail, boxes: str, scores: str, maps: list[Output]
) -> Candidates | None:
    used = frozenset(output.name for output in maps)
    found = Candidates(boxes, scores, scene.num_cells, scene.params.num_classes, used)
    if not scene.params.seg_enable:
        return found
    prototypes = _prototypes(scene, maps)
    if prototypes is None:
        return None
    num_masks = prototypes.shape[0]
    for table in scene.outputs:
        if table.shape == (num_masks, scene.num_cells):
            return _masked(found, tail.swap(table.name), prototypes, (table,))
        if table.shape == (scene.num_cells, num_masks):
            return _masked(found, table.name, prototypes, (table,))
    free = [o for o in scene.one_map_a_level(num_masks) if o.name not in used]
    if len(free) < len(scene.params.strides):
        return None
    return _masked(found, rows(tail, free, num_masks), prototypes, tuple(free))


def _prototypes(scene: Scene, maps: list[Output] | tuple[()]) -> Output | None:
    """Return the one map that belongs to no level, where masks are asked for."""
    levels = {scene.cells(stride) for stride in scene.params.strides}
    used = {output.name for output in maps}
    free = [o for o in scene.outputs if len(o.shape) == 3 and o.name not in used]
    free = [o for o in free if o.shape[1:] not in levels]
    return free[0] if scene.params.seg_enable and len(free) == 1 else None


def _masked(
    found: Candidates, masks: str, prototypes: Output, more: tuple[Output, ...]
) -> Candidates:
    used = {*found.used, prototypes.name, *(output.name for output in more)}
    return Candidates(
        boxes=found.boxes,
        scores=found.scores,
        num_boxes=found.num_boxes,
        num_classes=found.num_classes,
        used=frozenset(used),
        extras={"masks": masks},
        kept={"prototypes": prototypes.name},
    )
