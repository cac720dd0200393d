# SPDX-License-Identifier: Apache-2.0
"""The head of YOLOX (and ByteTrack): yolox_nms."""

from vackit.compiler.detection.cells import (
    box_constants,
    cell_corners,
    cell_strides,
    corners,
    rows,
)
from vackit.compiler.detection.scene import Output, Scene
from vackit.compiler.detection.select import Candidates
from vackit.compiler.detection.tail import END, Tail
from vackit.compiler.detection.yolo_anchor import decoded_rows, scores_of


def maps(scene: Scene, tail: Tail) -> Candidates | None:
    """Decode a map a level of (box, objectness, classes), or one map of each of the three.

    center = (t + cell) stride, size = exp(t) stride.
    Source: Ge et al. 2021, "YOLOX", arXiv:2107.08430, section 2.1 (anchor-free) and the
    published `YOLOXHead.decode_outputs`.
    """
    num_classes = scene.params.num_classes
    parts = scene.split_maps(4, 1, num_classes) or scene.split_maps(5 + num_classes)
    if not parts:
        return None
    if len(parts) == 1:
        value = rows(tail, parts[0], 5 + num_classes)
        boxes, scores = tail.slice(value, 0, 4, axis=2), tail.slice(value, 4, END, axis=2)
        if not scene.has_tail("Sigmoid", parts[0]):
            scores = tail("Sigmoid", scores)
    else:
        parts = _boxes_first(scene, parts)
        boxes = rows(tail, parts[0], 4)
        scores = tail.concat(
            [_share(scene, tail, parts[1], 1), _share(scene, tail, parts[2], num_classes)], axis=2
        )
    used = frozenset(output.name for part in parts for output in part)
    return _found(scene, tail, boxes, scores, used)


def table(scene: Scene, tail: Tail) -> Candidates | None:
    """Take one table (boxes, 5 + classes), or transposed, decoded or not.

    The published exporter leaves boxes raw (`decode_in_inference` off); whether they are is
    told by the Exp that decoding needs.
    """
    columns = 5 + scene.params.num_classes
    output = scene.table(columns)
    if output is None or scene.has_tail("Exp", [output]):
        return decoded_rows(scene, tail)
    if scene.num_cells not in output.shape:
        return None
    value = output.name if output.shape[1] == columns else tail.swap(output.name)
    scores = tail.slice(value, 4, END, axis=2)
    if not scene.has_tail("Sigmoid", [output]):
        scores = tail("Sigmoid", scores)
    boxes = tail.slice(value, 0, 4, axis=2)
    return _found(scene, tail, boxes, scores, frozenset({output.name}))


def _boxes_first(scene: Scene, parts: list[list[Output]]) -> list[list[Output]]:
    """Tell boxes from four classes: MMDetection's order is all classes, boxes, objectness.

    Elsewhere the first of equal maps are the boxes (the published head: boxes, objectness,
    classes).
    """
    boxes, objectness, classes = parts
    is_last = scene.outputs.index(objectness[0]) == 2 * len(boxes)
    return [classes, objectness, boxes] if scene.params.num_classes == 4 and is_last else parts


def _share(scene: Scene, tail: Tail, part: list[Output], channels: int) -> str:
    value = rows(tail, part, channels)
    return value if scene.has_tail("Sigmoid", part) else tail("Sigmoid", value)


def _found(scene: Scene, tail: Tail, boxes: str, scores: str, used: frozenset[str]) -> Candidates:
    stride = box_constants(scene, tail, cell_strides(scene))
    cell = box_constants(scene, tail, cell_corners(scene))
    center = tail("Add", tail.slice(boxes, 0, 2, axis=2), cell)
    center = tail("Mul", center, stride)
    size = tail("Mul", tail("Exp", tail.slice(boxes, 2, 4, axis=2)), stride)
    return Candidates(
        corners(tail, center, size),
        scores_of(tail, scores),
        scene.num_cells,
        scene.params.num_classes,
        used,
    )
