# SPDX-License-Identifier: Apache-2.0
"""The detection heads by the names of ``graph.extra_ops.type``, and the forms each takes."""

from collections.abc import Callable
from dataclasses import dataclass

from vackit.compiler.detection import retinaface, yolo_anchor, yolo_free, yolox
from vackit.compiler.detection.params import NmsParams
from vackit.compiler.detection.scene import Scene
from vackit.compiler.detection.select import Candidates
from vackit.compiler.detection.tail import Tail

# reads a model's outputs if they are of its form; adds nothing and returns None if not
Form = Callable[[Scene, Tail], Candidates | None]


@dataclass(frozen=True)
class Head:
    """One family of detection heads.

    Attributes:
        forms: In the order of trial.
        takes: What the forms are, for the message where none fits: shapes of outputs with
            ``{name}`` in the place of numbers.
        suppress: Whether boxes overlap and must be suppressed.
        is_face: The outputs are scores, boxes, landmarks instead of ids, scores, boxes.
    """

    forms: tuple[Form, ...]
    takes: str
    suppress: bool = True
    is_face: bool = False

    def describe(self, params: NmsParams, levels: list[tuple[int, int]]) -> str:
        """Say what the head takes, in numbers."""
        count = params.num_classes
        numbers = len(params.anchor) // (1 if self.is_face else 2)
        num_anchors = numbers // len(params.strides) or 3
        sizes = " ".join(f"{rows}x{columns}" for rows, columns in levels)
        text = self.takes.format(
            a=num_anchors,
            d=5 + count,
            ad=num_anchors * (5 + count),
            b=64 + count,
            c=count,
            f=4 + count,
            n=num_anchors * sum(rows * columns for rows, columns in levels),
        )
        return f"{text}; rows x columns of the levels: {sizes}"


_ANCHOR_MAPS = (
    "with 'anchor' given one map a level [N, {ad}, rows, columns], [N, {a}, rows, columns, {d}] "
    "or [N, rows, columns, {ad}]"
)
_DISTANCE_MAPS = (
    "one map a level [N, {b}, rows, columns], or one [N, 64, rows, columns] and one "
    "[N, {c}, rows, columns]"
)
_YOLOV8 = Head(
    (yolo_free.distance_maps, yolo_free.decoded_columns),
    _DISTANCE_MAPS + ", or [N, {f}, boxes] or [N, boxes, {f}]; with seg_enable mask "
    "coefficients [N, m, boxes] (or behind the classes) and prototypes [N, m, h, w]",
)

HEADS = {
    "yolov5_nms": Head(
        (yolo_anchor.yolov5_maps, yolo_anchor.decoded_rows),
        _ANCHOR_MAPS + ", or [N, boxes, {d}] or [N, {d}, boxes]",
    ),
    "yolov8_nms": _YOLOV8,
    "yolov11_nms": _YOLOV8,
    "yolox_nms": Head(
        (yolox.maps, yolox.table),
        "one map a level [N, {d}, rows, columns], or three ([N, 4, ...], [N, 1, ...], "
        "[N, {c}, ...]), or [N, boxes, {d}] or [N, {d}, boxes]",
    ),
    "yolov4_nms": Head(
        (yolo_anchor.yolov4_maps, yolo_anchor.yolov4_shares, yolo_anchor.decoded_rows),
        _ANCHOR_MAPS + ", or [N, boxes, 1, 4] with [N, boxes, {c}], or [N, boxes, {d}]",
    ),
    "yolov10_nms": Head(
        (yolo_free.distance_maps, yolo_free.best_rows, yolo_free.decoded_corners),
        _DISTANCE_MAPS + ", or [N, boxes, 6], or [N, {f}, boxes] or [N, boxes, {f}]",
        suppress=False,
    ),
    "yolov12_nms": _YOLOV8,
    "retinaface_nms": Head(
        (retinaface.priors,),
        "with num_classes 1 and 'anchor' given [N, {n}, 4], [N, {n}, 2] and [N, {n}, 10] "
        "(landmarks may be missing), or a map a level of each",
        is_face=True,
    ),
}
