# SPDX-License-Identifier: Apache-2.0
"""Turn a head's feature maps into rows, one a box, and back them with constants.

Rows run level by level, cell by cell in reading order, anchor by anchor within a cell.
Where the image's size varies, the constants are those of its largest size, and the graph
cuts each level's to the cells that the image at hand has.
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
        value = tail.reshape(output.name, 0, num_anchors, channels, -1)
        value = tail("Transpose", value, perm=[0, 3, 1, 2])
    elif len(shape) == 4:
        value = tail.reshape(output.name, 0, num_anchors, -1, channels)
        value = tail("Transpose", value, perm=[0, 2, 1, 3])
    else:
        value = output.name
    return tail.reshape(value, 0, -1, channels)


def box_constants(scene: Scene, tail: Tail, values: Floats) -> str:
    """Append (1, boxes, k) constants of every box of all levels.

    Args:
        scene: Says how many cells each level has.
        tail: Where to write.
        values: At the largest size.
    """
    if scene.smallest is None:
        return tail.floats(values)
    size = tail.slice(tail("Shape", scene.image), 2, 4, axis=0)
    num_anchors, first, parts = values.shape[1] // scene.num_cells, 0, []
    for stride in scene.params.strides:
        rows, columns = scene.cells(stride)
        last = first + rows * columns * num_anchors
        level = values[:, first:last].reshape(1, rows, columns, -1)
        up = tail("Add", size, tail.ints(stride - 1))
        ends = tail("Div", up, tail.ints(stride))  # rounded up, as convolutions do
        cut = tail("Slice", tail.floats(level), tail.ints([0, 0]), ends, tail.ints([1, 2]))
        parts.append(tail.reshape(cut, 1, -1, values.shape[2]))
        first = last
    return tail.concat(parts, axis=1)


def image_size(scene: Scene, tail: Tail) -> str:
    """Append the image's (width, height, width, height) in pixels, float32."""
    height, width = scene.size
    if scene.smallest is None:
        return tail.floats([width, height, width, height])
    shape = tail("Gather", tail("Shape", scene.image), tail.ints([3, 2, 3, 2]), axis=0)
    return tail("Cast", shape, to=1)


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
