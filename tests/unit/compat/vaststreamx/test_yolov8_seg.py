# SPDX-License-Identifier: Apache-2.0
"""The segmenting YOLOv8's custom operator, against masks that are known."""

import struct
from typing import Any

import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.errors import DataError

T = vsx.TypeFlag
MODEL, IMAGE, PROTOTYPES = (64, 64), (40, 80), (16, 16)
LIMIT = 5


def config(*, retina: int = 1, sizes: Any = (MODEL, PROTOTYPES, IMAGE), count: int = 32) -> bytes:
    numbers = [n for height, width in sizes for n in (height, width, height, width)]
    return struct.pack("<15i", *numbers, count, retina, LIMIT)


def inputs(count: int = 32) -> list[vsx.Tensor]:
    """Two boxes: the left half of the picture, and a corner that its prototype leaves empty.

    The picture of 40x80 lies in rows 16 to 48 of the model's 64x64, four fifths as large.
    """
    ids, scores = np.full((1, 300), -1), np.full((1, 300), -1.0)
    ids[0, :2], scores[0, :2] = (3, 0), (0.9, 0.5)
    boxes = np.full((1, 300, 4), -1.0)
    boxes[0, :2] = [[0, 16, 32, 48], [40, 20, 60, 40]]
    masks = np.zeros((1, 300, count))
    masks[0, 0, 0] = masks[0, 1, 1] = 1
    prototypes = np.zeros((1, count, *PROTOTYPES))
    prototypes[0, 0], prototypes[0, 1] = 5, -5
    parts = (ids, scores, boxes, masks, prototypes)
    return [vsx.from_numpy(part.astype(np.float16), 0) for part in parts]


def shapes(mask: tuple[int, int]) -> list[Any]:
    return [((1, LIMIT), T.FLOAT16), ((1, LIMIT), T.FLOAT16), ((1, LIMIT, 4), T.FLOAT16),
            ((LIMIT, *mask), T.UINT8), ((2,), T.UINT32), ((7,), T.UINT8)]  # fmt: skip


def test_yolov8_seg_puts_boxes_and_masks_into_the_original_image() -> None:
    op = vsx.CustomOperator(op_name="yolov8_seg_op", elf_file_path="elf")
    made = op.run_sync(tensors=inputs(), config=config(), output_info=shapes(IMAGE))
    ids, scores, boxes, masks, number, scratch = map(vsx.as_numpy, made)
    assert number.tolist() == [2, 0]
    assert ids[0, :2].tolist() == [3, 0]
    assert scores[0, 0] == np.float16(0.9)
    assert boxes[0].tolist()[:3] == [[0, 0, 40, 40], [50, 5, 75, 30], [0, 0, 0, 0]]
    want = np.zeros(IMAGE, np.uint8)
    want[:, :40] = 1
    assert np.array_equal(masks[0], want)
    assert not masks[1:].any()
    assert not scratch.any()


def test_yolov8_seg_masks_of_the_model_input() -> None:
    op = vsx.CustomOperator("yolov8_seg_op", "elf")
    sizes = (IMAGE, MODEL, PROTOTYPES)  # told by their numbers, in any order
    given = config(retina=0, sizes=sizes)
    info = shapes(MODEL)
    info[0], info[3] = info[3], info[0]
    made = op.run_sync(tensors=inputs(), config=given, output_info=info)
    masks = vsx.as_numpy(made[0])
    assert masks[0].sum() == 32 * 32
    assert masks[0, 16:48, :32].all()
    assert len(op.run_sync(tensors=inputs(), config=given)) == 6


@pytest.mark.parametrize(
    ("given", "tensors", "message"),
    [
        (config(count=8), inputs(), "expected ids, scores, boxes, 8 coefficients of each box"),
        (config(sizes=(IMAGE, IMAGE, PROTOTYPES)), inputs(), "none is the model's input, 4 times"),
        (config(sizes=(MODEL, PROTOTYPES, (0, 4))), inputs(), "expected at least 1x1"),
    ],
    ids=["count", "sizes", "zero"],
)
def test_yolov8_seg_explains_what_does_not_fit(given: bytes, tensors: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        vsx.CustomOperator("yolov8_seg_op", "elf").run_sync(tensors=tensors, config=given)


def test_yolov8_seg_names_the_output_that_is_not_described() -> None:
    op = vsx.CustomOperator("yolov8_seg_op", "elf")
    with pytest.raises(DataError, match=r"makes \(5, 40, 80\), output info has"):
        op.run_sync(tensors=inputs(), config=config(), output_info=shapes(MODEL))
