# SPDX-License-Identifier: Apache-2.0
"""The way back from the model's input to the picture is the operator's way in, undone."""

import numpy as np
import pytest

from vackit.config.vdsp import VdspParams
from vackit.errors import StreamError
from vackit.samples._placement import Placement, placement
from vackit.vdsp.fusion import FusionOperator

LETTERBOX = VdspParams("FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR", padding=(0, 0, 0))
STRETCH = VdspParams("FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR")
BOX = (60, 80)


@pytest.mark.parametrize("vdsp", [LETTERBOX, STRETCH], ids=["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(97, 31), (30, 200), (60, 80), (7, 9)], ids=str)
def test_the_whole_picture_lies_where_the_operator_put_it(
    vdsp: VdspParams, size: tuple[int, int]
) -> None:
    white = np.full((3, *size), 255, np.uint8)
    lit = np.argwhere(FusionOperator(vdsp, BOX)(white)[0] > 0)
    found = placement(vdsp, size, BOX)
    top, left = lit.min(axis=0)
    assert (found.corner, found.inner) == ((left, top), tuple(lit.max(axis=0) - lit[0] + 1))
    corners = np.array([[left, top, left + found.inner[1], top + found.inner[0]]], np.float32)
    np.testing.assert_allclose(found.boxes_back(corners), [[0, 0, size[1], size[0]]], atol=1e-9)


def test_boxes_are_cut_off_at_the_picture() -> None:
    place = Placement((10, 20), (0, 5), (10, 20))
    boxes = np.array([[-3, 0, 25, 30], [2, 7, 4, 9]], np.float32)
    assert place.boxes_back(boxes).tolist() == [[0, 0, 20, 10], [2, 2, 4, 4]]
    assert place.boxes_back(boxes[:0]).shape == (0, 4)


def test_a_mask_of_lower_resolution_grows() -> None:
    mask = np.array([[1, 2], [3, 4]], np.uint8)
    grown = Placement((4, 6), (0, 0), (8, 8)).mask_back(mask, (8, 8))
    assert grown.tolist() == [[1, 1, 1, 2, 2, 2]] * 2 + [[3, 3, 3, 4, 4, 4]] * 2


def test_the_padding_of_a_mask_is_left_out() -> None:
    mask = np.zeros((8, 8), np.uint8)
    mask[2:6] = 7
    assert (Placement((2, 4), (0, 2), (4, 8)).mask_back(mask, (8, 8)) == 7).all()


@pytest.mark.parametrize(
    "op_type",
    [
        "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR",
        "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT",
    ],
)
def test_an_operator_without_a_way_back_is_refused(op_type: str) -> None:
    with pytest.raises(StreamError, match=f"{op_type} leaves no way back to the picture"):
        placement(VdspParams(op_type), (10, 10), BOX)
