# SPDX-License-Identifier: Apache-2.0
"""``yolov8_seg_op``: the boxes of a segmenting YOLOv8 with their masks, in the original image.

Published are its config, and that 5 inputs make 6 outputs, the last of them scratch. The
rest is inferred: inputs are what ``yolov8_nms`` with ``seg_enable`` makes; masks are those
of the YOLACT paper (Bolya et al. 2019, arXiv:1904.02689, eq. 1: sigmoid of prototypes times
coefficients), cut to their boxes. **A guess** is the order of the outputs (ids, scores,
boxes, masks, number of boxes, scratch; output info moves boxes and masks to where their
shapes fit) and that masks are 0 and 1.
"""

import math
from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.custom_ops.registry import Call
from vackit.errors import DataError

# height, width and their pitches of three images; coefficients, masks of the original
# image's size, most boxes
_CONFIG = "<15i"
_NUM_INPUTS, _NUM_OUTPUTS = 5, 6

Floats = NDArray[np.float32]
Size = tuple[int, int]


def run(call: Call) -> Sequence[Any]:
    """Return ids (K,), scores (K,), boxes (K, 4), masks (K, H, W), their number, scratch.

    Boxes come in pixels of the model's input and leave in those of the original image, which
    was letterboxed into it. H and W are the original image's where ``retina_masks`` is set,
    else the model input's. What has no box is zero.

    Raises:
        DataError: Config and inputs do not fit together.
    """
    fields = call.unpack(_CONFIG)
    count, is_retina, limit = fields[12:]
    ids, scores, boxes, masks, prototypes = _inputs(call, count)
    model, image = _sizes([fields[i : i + 2] for i in (0, 4, 8)], prototypes.shape[1:], call)
    found = np.flatnonzero(ids >= 0)[:limit]
    ids, scores, boxes, masks = (part[found] for part in (ids, scores, boxes, masks))
    logits = np.tensordot(masks, prototypes, 1)
    ratio = min(model[0] / image[0], model[1] / image[1])
    pads = ((model[1] - image[1] * ratio) / 2, (model[0] - image[0] * ratio) / 2)
    placed = (boxes - np.tile(pads, 2).astype(np.float32)) / np.float32(ratio)
    placed = np.clip(placed, 0, [image[1], image[0]] * 2).astype(np.float32)
    if is_retina:
        pixels = _masks(_without_pads(logits, model, pads), placed, image)
    else:
        pixels = _masks(logits, boxes, model)
    rows = [_filled(part, limit) for part in (ids, scores, placed, pixels)]
    return _arranged(rows, len(found), call)


def _inputs(call: Call, count: int) -> list[Floats]:
    arrays = [call.array(i).astype(np.float32) for i in range(_NUM_INPUTS)]
    ids, scores, boxes, masks, prototypes = arrays
    num_boxes = ids.size
    fits = (
        scores.size == num_boxes
        and boxes.size == 4 * num_boxes
        and masks.size == count * num_boxes
        and prototypes.ndim >= 3
        and prototypes.shape[-3] == count
    )
    if not fits:
        shapes = ", ".join(str(array.shape) for array in arrays)
        raise DataError(
            f"{call.name}: expected ids, scores, boxes, {count} coefficients of each box and "
            f"{count} prototypes, got {shapes}",
            hint="pass the outputs of a model built with yolov8_nms and seg_enable: true",
        )
    return [
        ids.reshape(-1), scores.reshape(-1), boxes.reshape(-1, 4),
        masks.reshape(-1, count), prototypes.reshape(prototypes.shape[-3:]),
    ]  # fmt: skip


def _sizes(given: list[Any], prototypes: Sequence[int], call: Call) -> tuple[Size, Size]:
    """Return (height, width) of the model's input and of the original image.

    The prototypes' own size tells which of the three is which: they have a quarter of the
    model's input.
    """
    sizes = [(int(height), int(width)) for height, width in given]
    own = (prototypes[0], prototypes[1])
    if min(min(size) for size in sizes) < 1:
        raise DataError(f"{call.name}: config says image sizes {sizes}, expected at least 1x1")
    rest = list(sizes)
    if own in rest:
        rest.remove(own)
    inputs = [size for size in rest if size == (4 * own[0], 4 * own[1])]
    if not inputs or len(rest) < 2:
        raise DataError(
            f"{call.name}: of the sizes {sizes} none is the model's input, 4 times that of the "
            f"prototypes {own}"
        )
    rest.remove(inputs[0])
    return inputs[0], rest[0]


def _without_pads(logits: Floats, model: Size, pads: tuple[float, float]) -> Floats:
    share = logits.shape[1] / model[0]
    left, top = (int(pad * share) for pad in pads)
    height, width = logits.shape[1:]
    return logits[:, top : height - top, left : width - left]


def _masks(logits: Floats, boxes: Floats, size: Size) -> NDArray[np.uint8]:
    made = np.zeros((len(boxes), *size), np.uint8)
    for mask, one, box in zip(made, logits, boxes, strict=True):
        full = cv2.resize(np.ascontiguousarray(one), size[::-1], interpolation=cv2.INTER_LINEAR)
        x1, y1, x2, y2 = (max(0, math.ceil(side)) for side in box)
        mask[y1:y2, x1:x2] = full[y1:y2, x1:x2] > 0  # a sigmoid above one half
    return made


def _filled(part: NDArray[Any], count: int) -> NDArray[Any]:
    room = np.zeros((count, *part.shape[1:]), part.dtype)
    room[: len(part)] = part
    return room


def _arranged(rows: list[NDArray[Any]], number: int, call: Call) -> list[NDArray[Any]]:
    """Return ids, scores, boxes, masks and their number where output info expects them."""
    if len(call.output_info) != _NUM_OUTPUTS:
        return [*rows, np.array([number], np.uint32), np.zeros(1, np.uint8)]
    sizes = [int(np.prod(info[0], dtype=np.int64)) for info in call.output_info]
    places: dict[int, NDArray[Any]] = {}
    for row in rows:
        fitting = [i for i, size in enumerate(sizes) if i not in places and size == row.size]
        if not fitting:
            shapes = [tuple(info[0]) for info in call.output_info]
            raise DataError(f"{call.name}: makes {row.shape}, output info has {shapes}")
        places[fitting[0]] = row
    count, scratch = (np.zeros(sizes[i], np.uint32) for i in range(_NUM_OUTPUTS) if i not in places)
    count[:1] = number
    return [places.get(i, scratch if i == _NUM_OUTPUTS - 1 else count) for i in range(_NUM_OUTPUTS)]
