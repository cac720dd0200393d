# SPDX-License-Identifier: Apache-2.0
"""Turn a head's feature maps into rows, one a box, and back them with constants.

Rows run level by level, cell by cell in reading order, anchor by anchor within a cell.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.detection.scene import Output, Scene
from vackit.compiler.detection.tail import Tail

Floats = NDArray[np.float32]


def rows(tail: Tail, maps: Sequence[Output], channels: int, num_anchors: int = 1) -> str:
    """Append what lays the maps of all levels out as (N, boxes, channels)."""
    return tail.concat([_level_rows(tail, each, channels, num_anchors) for each in maps], axis=1)


def _level_rows(tail: Tail, output: Output, channels: int, num_anchors: int) -> str:
    shape = output.shape
    if shape[0] == num_anchors * channels and len(shape) == 3:
        num_cells = shape[1] * shape[2]
        value = tail.reshape(output.name, 0, num_anchors, channels, num_cells)
        value = tail("Transpose", value, perm=[0, 3, 1, 2])
    elif len(shape) == 4:
        num_cells = shape[1] * shape[2]
        value = tail.reshape(output.name, 0, num_anchors, num_cells, channels)
        value = tail("Transpose", value, perm=[0, 2, 1, 3])
    else:
        num_cells = shape[0] * shape[1]
        value = output.name
    return tail.reshape(value, 0, num_cells * num_anchors, channels)


def cell_corners(scene: Scene, num_anchors: int = 1) -> Floats:
    """Return the (column, row) of each box's cell: (1, boxes, 2)."""
    parts = []
    for stride in scene.params.strides:
        row, column = np.indices(scene.cells(stride)).reshape(2, -1)
        parts.append(np.stack([column, row], axis=1).repeat(num_anchors, axis=0))
    return np.concatenate(parts)[np.newaxis].astype(np.float32)


def cell_strides(scene: Scene, num_anchors: int = 1) -> Floats:
    """Return the stride of each box's level: (1, boxes, 1)."""
    return per_level(scene, scene.params.strides, num_anchors)


def per_level(scene: Scene, values: Sequence[float], num_anchors: int = 1) -> Floats:
    """Return one number a level, repeated for its boxes: (1, boxes, 1)."""
    counts = [int(np.prod(scene.cells(stride))) * num_anchors for stride in scene.params.strides]
    return np.repeat(np.asarray(values, np.float32), counts).reshape(1, -1, 1)


def anchor_sizes(scene: Scene, levels: Sequence[Sequence[float]]) -> Floats:
    """Return the (width, height) of each box's anchor: (1, boxes, 2).

    Args:
        scene: Its strides say how many cells a level has.
        levels: Per level the flat list of its anchors' widths and heights.
    """
    parts = []
    for stride, numbers in zip(scene.params.strides, levels, strict=True):
        pairs = np.asarray(numbers, np.float32).reshape(-1, 2)
        parts.append(np.tile(pairs, (int(np.prod(scene.cells(stride))), 1)))
    return np.concatenate(parts)[np.newaxis]


def corners(tail: Tail, center: str, size: str) -> str:
    """Append what makes (N, boxes, 4) x1 y1 x2 y2 of centers and sizes (N, boxes, 2)."""
    half = tail("Mul", size, tail.floats(0.5))
    return tail.concat([tail("Sub", center, half), tail("Add", center, half)], axis=2)


def centered(tail: Tail, value: str) -> str:
    """Append what makes corners of rows that start with center x, center y, width, height."""
    return corners(tail, tail.slice(value, 0, 2, axis=2), tail.slice(value, 2, 4, axis=2))
