# SPDX-License-Identifier: Apache-2.0
"""The head of RetinaFace: retinaface_nms. Its outputs are scores, boxes and landmarks."""

import numpy as np

from vackit.compiler.detection.cells import (
    anchor_sizes,
    box_constants,
    cell_corners,
    cell_strides,
    corners,
    rows,
)
from vackit.compiler.detection.scene import Output, Scene
from vackit.compiler.detection.select import Candidates
from vackit.compiler.detection.tail import Tail

# Source: Liu et al. 2016 (SSD), arXiv:1512.02325; RetinaFace's published settings
_CENTER_VARIANCE, _SIZE_VARIANCE = 0.1, 0.2
_NUM_LANDMARKS = 5
_PARTS = (4, 2, 2 * _NUM_LANDMARKS)


def priors(scene: Scene, tail: Tail) -> Candidates | None:
    """Decode boxes, faces and landmarks against prior boxes in the cells' middles.

    center = prior center + 0.1 t prior size, size = prior size exp(0.2 t), landmark =
    prior center + 0.1 t prior size; the score is the softmax of (background, face).
    Takes tables (boxes, 4), (boxes, 2), (boxes, 10), or a map a level of each; landmarks
    may be missing.
    Source: Deng et al. 2019, "RetinaFace", arXiv:1905.00641, section 3.
    """
    if not scene.params.anchor or scene.params.num_classes != 1:
        return None
    levels = scene.params.level_anchors(1)
    num_anchors = len(levels[0])
    parts = _tables(scene, num_anchors) or _maps(scene, num_anchors)
    if not parts:
        return None
    values = [
        part[0].name if len(part[0].shape) == 2 else rows(tail, part, width, num_anchors)
        for part, width in zip(parts, _PARTS, strict=False)
    ]
    scores = values[1]
    if not scene.has_tail("Softmax", parts[1]):
        scores = tail("Softmax", scores, axis=2)
    scores = tail.swap(tail.slice(scores, 1, 2, axis=2))
    squares = [[side for side in level for _ in "wh"] for level in levels]
    sides = anchor_sizes(scene, squares)
    middle = (cell_corners(scene, num_anchors) + 0.5) * cell_strides(scene, num_anchors)

    def moved(offsets: str, repeats: int) -> str:
        side, start = (
            box_constants(scene, tail, np.tile(one, (1, 1, repeats))) for one in (sides, middle)
        )
        step = tail("Mul", offsets, tail.floats(_CENTER_VARIANCE))
        return tail("Add", tail("Mul", step, side), start)

    center = moved(tail.slice(values[0], 0, 2, axis=2), 1)
    growth = tail("Mul", tail.slice(values[0], 2, 4, axis=2), tail.floats(_SIZE_VARIANCE))
    size = tail("Mul", tail("Exp", growth), box_constants(scene, tail, sides))
    extras = {}
    if len(values) > 2:
        extras["landmarks"] = moved(values[2], _NUM_LANDMARKS)
    used = frozenset(output.name for part in parts for output in part)
    num_boxes = scene.num_cells * num_anchors
    return Candidates(corners(tail, center, size), scores, num_boxes, 1, used, extras)


def _tables(scene: Scene, num_anchors: int) -> list[list[Output]]:
    num_boxes = scene.num_cells * num_anchors
    parts = [[o for o in scene.outputs if o.shape == (num_boxes, width)] for width in _PARTS]
    return _complete(parts)


def _maps(scene: Scene, num_anchors: int) -> list[list[Output]]:
    return _complete([scene.one_map_a_level(width, num_anchors) for width in _PARTS])


def _complete(parts: list[list[Output]]) -> list[list[Output]]:
    """Return boxes, faces and, where they are there, landmarks; empty where they are not."""
    return [part for part in parts if part] if parts[0] and parts[1] else []
