# SPDX-License-Identifier: Apache-2.0
"""Pictures arranged as an operator reads them."""

import cv2
import numpy as np
import pytest

from vackit.errors import StreamError
from vackit.stream.images import arrange

RGB = np.random.default_rng(0).integers(0, 256, (3, 4, 6), dtype=np.uint8)


@pytest.mark.parametrize(
    ("image_format", "wanted"),
    [
        ("RGB_PLANAR", RGB),
        ("BGR_PLANAR", RGB[::-1]),
        ("RGB888", RGB.transpose(1, 2, 0)),
        ("BGR888", RGB[::-1].transpose(1, 2, 0)),
    ],
    ids=["RGB_PLANAR", "BGR_PLANAR", "RGB888", "BGR888"],
)
def test_arrange_moves_the_channels(image_format: str, wanted: np.ndarray) -> None:
    image = arrange(RGB, image_format)
    np.testing.assert_array_equal(image, wanted)
    assert image.flags.c_contiguous


def test_arrange_makes_gray_as_opencv_does() -> None:
    image = arrange(RGB, "GRAY")
    np.testing.assert_array_equal(
        image, cv2.cvtColor(np.ascontiguousarray(RGB.transpose(1, 2, 0)), cv2.COLOR_RGB2GRAY)
    )


def test_arrange_makes_nv12_that_opencv_reads_back() -> None:
    # flat colors: what chroma subsampling loses is not the question here
    rgb = np.empty((3, 4, 6), np.uint8)
    rgb[:] = np.array([200, 100, 50], np.uint8)[:, None, None]
    image = arrange(rgb, "YUV_NV12")
    assert image.shape == (6, 6)
    back = cv2.cvtColor(image, cv2.COLOR_YUV2RGB_NV12).transpose(2, 0, 1)
    # 8-bit YUV in the limited range holds RGB to within 3 steps
    np.testing.assert_allclose(back.astype(int), rgb.astype(int), atol=3)


def test_arrange_refuses_nv12_of_odd_sides() -> None:
    with pytest.raises(StreamError, match="YUV_NV12 needs even sides, the picture is 3x6"):
        arrange(RGB[:, :3], "YUV_NV12")


def test_arrange_refuses_an_unknown_format() -> None:
    with pytest.raises(StreamError, match="image format 'CMYK' is not known; known: RGB_PLANAR"):
        arrange(RGB, "CMYK")
