# SPDX-License-Identifier: Apache-2.0
"""Heads with anchors: yolov5_nms (YOLOv3 of Ultralytics and YOLOv7 too) and yolov4_nms."""

from vackit.compiler.detection.cells import (
    anchor_sizes,
    box_constants,
    cell_corners,
    cell_strides,
    centered,
    corners,
    image_size,
    per_level,
    rows,
)
from vackit.compiler.detection.scene import Output, Scene
from vackit.compiler.detection.select import Candidates
from vackit.compiler.detection.tail import END, Tail
from vackit.errors import ModelError

# what darknet's yolov4.cfg sets as scale_x_y of its three [yolo] levels
_YOLOV4_SCALES = {8: 1.2, 16: 1.1, 32: 1.05}


def yolov5_maps(scene: Scene, tail: Tail) -> Candidates | None:
    """Decode one map a level of (tx, ty, tw, th, objectness, classes) an anchor.

    center = (2 s(t) - 0.5 + cell) stride, size = (2 s(t))^2 anchor, with s the sigmoid.
    Source: Ultralytics YOLOv5, "Architecture Summary" 4.3; YOLOv7 decodes alike.
    """
    maps, levels = _anchored_maps(scene)
    if not maps:
        return None
    num_anchors, channels = len(levels[0]) // 2, 5 + scene.params.num_classes
    value = rows(tail, maps, channels, num_anchors)
    if not scene.has_tail("Sigmoid", maps):
        value = tail("Sigmoid", value)
    double = tail("Mul", tail.slice(value, 0, 4, axis=2), tail.floats(2.0))
    offset = box_constants(scene, tail, cell_corners(scene, num_anchors) - 0.5)
    center = tail("Add", tail.slice(double, 0, 2, axis=2), offset)
    stride = box_constants(scene, tail, cell_strides(scene, num_anchors))
    center = tail("Mul", center, stride)
    size = tail.slice(double, 2, 4, axis=2)
    anchors = box_constants(scene, tail, anchor_sizes(scene, levels))
    size = tail("Mul", tail("Mul", size, size), anchors)
    scores = scores_of(tail, tail.slice(value, 4, END, axis=2))
    return _found(scene, maps, corners(tail, center, size), scores, num_anchors)


def yolov4_maps(scene: Scene, tail: Tail) -> Candidates | None:
    """Decode one map a level, as darknet does.

    center = (a s(t) - (a - 1) / 2 + cell) stride with a = scale_x_y, size = exp(t) anchor.
    Source: Bochkovskiy et al. 2020, arXiv:2004.10934, section 3.4 ("eliminate grid
    sensitivity"); Redmon and Farhadi 2018, arXiv:1804.02767, section 2.1.
    """
    maps, levels = _anchored_maps(scene)
    if not maps:
        return None
    num_anchors, channels = len(levels[0]) // 2, 5 + scene.params.num_classes
    value = rows(tail, maps, channels, num_anchors)
    scale = box_constants(scene, tail, per_level(scene, _scales(scene), num_anchors))
    # from the middle of the cell: cells plus a half are exact in float16 too
    center = tail("Sub", tail("Sigmoid", tail.slice(value, 0, 2, axis=2)), tail.floats(0.5))
    middle = box_constants(scene, tail, cell_corners(scene, num_anchors) + 0.5)
    center = tail("Add", tail("Mul", center, scale), middle)
    stride = box_constants(scene, tail, cell_strides(scene, num_anchors))
    center = tail("Mul", center, stride)
    size = tail("Exp", tail.slice(value, 2, 4, axis=2))
    size = tail("Mul", size, box_constants(scene, tail, anchor_sizes(scene, levels)))
    scores = scores_of(tail, tail("Sigmoid", tail.slice(value, 4, END, axis=2)))
    return _found(scene, maps, corners(tail, center, size), scores, num_anchors)


def yolov4_shares(scene: Scene, tail: Tail) -> Candidates | None:
    """Take boxes (boxes, 1, 4), x1 y1 x2 y2 as shares of the image, and scores per class.

    So end the exports of the PyTorch YOLOv4 with inference on.
    """
    num_classes = scene.params.num_classes
    boxes = [o for o in scene.outputs if len(o.shape) == 3 and o.shape[1:] == (1, 4)]
    if len(boxes) != 1:
        return None
    num_boxes = boxes[0].shape[0]
    scores = [o for o in scene.outputs if o.shape == (num_boxes, num_classes)]
    if len(scores) != 1:
        return None
    flat = tail.reshape(boxes[0].name, 0, -1, 4)
    pixels = tail("Mul", flat, image_size(scene, tail))
    used = frozenset({boxes[0].name, scores[0].name})
    return Candidates(pixels, tail.swap(scores[0].name), num_boxes, num_classes, used)


def decoded_rows(scene: Scene, tail: Tail) -> Candidates | None:
    """Take one table of decoded boxes, (boxes, 5 + classes) or transposed.

    Each holds center x, center y, width, height in pixels, objectness, classes.
    """
    columns = 5 + scene.params.num_classes
    table = scene.table(columns)
    if table is None:
        return None
    is_row_major = table.shape[1] == columns
    value = table.name if is_row_major else tail.swap(table.name)
    scores = scores_of(tail, tail.slice(value, 4, END, axis=2))
    num_boxes = table.shape[0 if is_row_major else 1]
    used = frozenset({table.name})
    boxes = centered(tail, value)
    return Candidates(boxes, scores, num_boxes, scene.params.num_classes, used)


def _anchored_maps(scene: Scene) -> tuple[list[Output], list[tuple[float, ...]]]:
    if not scene.params.anchor:
        return [], []
    levels = scene.params.level_anchors(2)
    channels = 5 + scene.params.num_classes
    return scene.one_map_a_level(channels, len(levels[0]) // 2), levels


def _scales(scene: Scene) -> tuple[float, ...]:
    params = scene.params
    given = params.scale_x_y
    if not given:
        return tuple(_YOLOV4_SCALES.get(stride, 1.0) for stride in params.strides)
    if len(given) != len(params.strides):
        raise ModelError(
            f"graph.extra_ops.params.scale_x_y holds {len(given)} numbers for "
            f"{len(params.strides)} strides"
        )
    return given


def scores_of(tail: Tail, value: str) -> str:
    """Append objectness times class, (N, boxes, 1 + classes) to (N, classes, boxes)."""
    objectness, classes = tail.slice(value, 0, 1, axis=2), tail.slice(value, 1, END, axis=2)
    return tail.swap(tail("Mul", objectness, classes))


def _found(
    scene: Scene, maps: list[Output], boxes: str, scores: str, num_anchors: int
) -> Candidates:
    used = frozenset(output.name for output in maps)
    num_boxes = scene.num_cells * num_anchors
    return Candidates(boxes, scores, num_boxes, scene.params.num_classes, used)
