# SPDX-License-Identifier: Apache-2.0
"""Choose among decoded boxes: class-wise suppression, the best first, padded rows.

Every class of a box counts on its own, as in the evaluation of YOLOv5 and in SSD (Liu et
al. 2016, arXiv:1512.02325, section 2.2): a box may be found as two classes. Equal scores:
the lower class first, then the earlier box. Nothing here depends on the batch's size.
"""

from dataclasses import dataclass, field

import numpy as np
from onnx import helper

from vackit.compiler.detection.params import NmsParams
from vackit.compiler.detection.tail import Tail

PADDING = -1.0
_NONE = helper.make_tensor("value", 1, [1], [PADDING])


@dataclass(frozen=True)
class Candidates:
    """A decoded head.

    Attributes:
        boxes: (N, boxes, 4) x1 y1 x2 y2 in pixels of the model's input.
        scores: (N, classes, boxes).
        num_boxes: Before any choice.
        num_classes: As in ``scores``.
        used: The model's outputs that went in.
        extras: Other values of each box, (N, boxes, anything), by output name.
        kept: Outputs of the model that pass through behind the others, by new name.
        labels: (N, boxes, 1) where the model itself has chosen the class of each box; the
            one class of ``scores`` then stands for it.
    """

    boxes: str
    scores: str
    num_boxes: int
    num_classes: int
    used: frozenset[str]
    extras: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)
    labels: str = ""


@dataclass(frozen=True)
class Chosen:
    """What is left: ids (N, K), scores (N, K), boxes (N, K, 4) and the extras (N, K, ...)."""

    ids: str
    scores: str
    boxes: str
    extras: dict[str, str]


def choose(
    tail: Tail, found: Candidates, params: NmsParams, *, suppress: bool, varies: bool = False
) -> Chosen:
    """Append what keeps the best ``max_detections`` boxes of each sample, in order.

    Args:
        tail: Where to write.
        found: The decoded head.
        params: Thresholds and the number of rows K; rows without a box hold -1.
        suppress: Let better boxes of a class suppress those that they overlap.
        varies: The number of boxes follows the image; ``found`` says the largest.
    """
    rivals = _suppressed(tail, found, params) if suppress else _above(tail, found, params)
    flat = tail.reshape(rivals, 0, -1)
    num_rivals = 0 if varies else found.num_classes * found.num_boxes
    missing = params.max_detections - num_rivals
    if missing > 0:
        flat = tail("Pad", flat, tail.ints([0, 0, 0, missing]), tail.floats(PADDING))
    count = tail.ints([params.max_detections])
    scores, places = tail.many("TopK", [flat, count], 2, axis=1)
    num_boxes = tail.ints(found.num_boxes)
    if varies:
        num_boxes = tail.slice(tail("Shape", found.scores), 2, 3, axis=0)
    box = tail("Unsqueeze", tail("Mod", places, num_boxes), tail.ints([2]))
    is_box = tail("GreaterOrEqual", scores, tail.floats(0.0))
    is_row = tail("Unsqueeze", is_box, tail.ints([2]))

    def gather(values: str) -> str:
        picked = tail("GatherND", values, box, batch_dims=1)
        return tail("Where", is_row, picked, tail.floats(PADDING))

    if found.labels:
        ids = tail.reshape(gather(found.labels), 0, params.max_detections)
    else:
        number = tail("Cast", tail("Div", places, num_boxes), to=1)
        ids = tail("Where", is_box, number, tail.floats(PADDING))
    extras = {name: gather(value) for name, value in found.extras.items()}
    return Chosen(ids, scores, gather(found.boxes), extras)


def _suppressed(tail: Tail, found: Candidates, params: NmsParams) -> str:
    """Append suppression; return the scores with -1 in the place of what went."""
    picked = tail(
        "NonMaxSuppression",
        found.boxes,
        found.scores,
        # no class can have more of the best rows
        tail.ints([params.max_detections]),
        tail.floats([params.nms_threshold]),
        tail.floats([params.confidence_threshold]),
    )
    nothing = tail("ConstantOfShape", tail("Shape", found.scores), value=_NONE)
    return tail("ScatterND", nothing, picked, tail("GatherND", found.scores, picked))


def _above(tail: Tail, found: Candidates, params: NmsParams) -> str:
    threshold = tail.floats(np.float32(params.confidence_threshold))
    is_above = tail("Greater", found.scores, threshold)
    return tail("Where", is_above, found.scores, tail.floats(PADDING))
