# SPDX-License-Identifier: Apache-2.0
"""Detection heads decoded the slow way: plain loops over cells, in float64.

Shares nothing with what it checks: every function takes one sample's arrays and returns a
list of (x1, y1, x2, y2, scores per class, extra values).
"""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from numpy.typing import NDArray

Array = NDArray[Any]
# corners, score of each class, whatever else belongs to the box
Box = tuple[tuple[float, float, float, float], list[float], list[float]]
# class, score, corners, extra
Found = tuple[int, float, tuple[float, ...], list[float]]


def sigmoid(x: float) -> float:
    """Return 1 / (1 + e^-x)."""
    return 1 / (1 + math.exp(-x))


def around(x: float, y: float, width: float, height: float) -> tuple[float, float, float, float]:
    """Return the corners of a box from its center and size."""
    return x - width / 2, y - height / 2, x + width / 2, y + height / 2


def anchored(
    maps: Sequence[Array],
    strides: Sequence[int],
    anchors: Sequence[float],
    scales: Sequence[float] | None = None,
) -> Iterator[Box]:
    """Decode maps (anchors * (5 + classes), h, w); ``scales``: YOLOv4's way, else YOLOv5's."""
    pairs = list(zip(anchors[::2], anchors[1::2], strict=True))
    per_level = len(pairs) // len(maps)
    for level, (values, stride) in enumerate(zip(maps, strides, strict=True)):
        channels = values.shape[0] // per_level
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                for k in range(per_level):
                    width, height = pairs[level * per_level + k]
                    t = [float(v) for v in values[k * channels : (k + 1) * channels, row, column]]
                    if scales is None:
                        x = (2 * sigmoid(t[0]) - 0.5 + column) * stride
                        y = (2 * sigmoid(t[1]) - 0.5 + row) * stride
                        w = (2 * sigmoid(t[2])) ** 2 * width
                        h = (2 * sigmoid(t[3])) ** 2 * height
                    else:
                        a = scales[level]
                        x = (a * sigmoid(t[0]) - (a - 1) / 2 + column) * stride
                        y = (a * sigmoid(t[1]) - (a - 1) / 2 + row) * stride
                        w, h = math.exp(t[2]) * width, math.exp(t[3]) * height
                    yield around(x, y, w, h), [sigmoid(t[4]) * sigmoid(c) for c in t[5:]], []


def distances(maps: Sequence[Array], strides: Sequence[int], bins: int) -> Iterator[Box]:
    """Decode maps (4 * bins + classes, h, w)."""
    for values, stride in zip(maps, strides, strict=True):
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                t = [float(v) for v in values[:, row, column]]
                sides = []
                for side in range(4):
                    weights = [math.exp(v) for v in t[side * bins : (side + 1) * bins]]
                    mean = sum(i * w for i, w in enumerate(weights)) / sum(weights)
                    sides.append(mean if bins > 1 else t[side])
                left, top, right, bottom = (side * stride for side in sides)
                x, y = (column + 0.5) * stride, (row + 0.5) * stride
                corners = (x - left, y - top, x + right, y + bottom)
                yield corners, [sigmoid(c) for c in t[4 * bins :]], []


def yolox(maps: Sequence[Array], strides: Sequence[int]) -> Iterator[Box]:
    """Decode maps (5 + classes, h, w)."""
    for values, stride in zip(maps, strides, strict=True):
        for row in range(values.shape[1]):
            for column in range(values.shape[2]):
                t = [float(v) for v in values[:, row, column]]
                box = around(
                    (t[0] + column) * stride,
                    (t[1] + row) * stride,
                    math.exp(t[2]) * stride,
                    math.exp(t[3]) * stride,
                )
                yield box, [sigmoid(t[4]) * sigmoid(c) for c in t[5:]], []


def retinaface(
    boxes: Array, faces: Array, landmarks: Array, size: tuple[int, int],
    strides: Sequence[int], sides: Sequence[int],
) -> Iterator[Box]:  # fmt: skip
    """Decode tables (boxes, 4), (boxes, 2) logits, (boxes, 10)."""
    per_level = len(sides) // len(strides)
    index = 0
    for level, stride in enumerate(strides):
        for row in range(math.ceil(size[0] / stride)):
            for column in range(math.ceil(size[1] / stride)):
                for side in sides[level * per_level : (level + 1) * per_level]:
                    x, y = (column + 0.5) * stride, (row + 0.5) * stride
                    t = [float(v) for v in boxes[index]]
                    corners = around(
                        x + 0.1 * t[0] * side,
                        y + 0.1 * t[1] * side,
                        side * math.exp(0.2 * t[2]),
                        side * math.exp(0.2 * t[3]),
                    )
                    marks = [float(v) * 0.1 * side for v in landmarks[index]]
                    points = [m + (x if i % 2 == 0 else y) for i, m in enumerate(marks)]
                    background, face = (math.exp(float(v)) for v in faces[index])
                    yield corners, [face / (background + face)], points
                    index += 1


def overlap(a: Sequence[float], b: Sequence[float]) -> float:
    """Return the intersection over the union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return width * height / (sum(areas) - width * height)


def choose(boxes: Sequence[Box], confidence: float, iou: float | None, limit: int) -> list[Found]:
    """Keep the best of each class, then the best of all; ``iou`` None: nothing suppresses."""
    kept: list[tuple[float, int, int, Found]] = []
    for label in range(len(boxes[0][1]) if boxes else 0):
        rivals = [(-box[1][label], i) for i, box in enumerate(boxes) if box[1][label] > confidence]
        winners: list[int] = []
        for score, i in sorted(rivals):
            corners = boxes[i][0]
            if iou is None or all(overlap(corners, boxes[j][0]) <= iou for j in winners):
                winners.append(i)
                kept.append((score, label, i, (label, -score, corners, boxes[i][2])))
    return [found for _, _, _, found in sorted(kept, key=lambda entry: entry[:3])[:limit]]
