# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from vackit.errors import DataError
from vackit.vdsp.color import COLOR_CODES, color_channels, convert_color, convert_picture
from vackit.vdsp.nv12 import read_nv12
from vackit.vdsp.picture import read_planes

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
BGR = np.ascontiguousarray(RGB[..., ::-1])
PLANAR = np.ascontiguousarray(RGB.transpose(2, 0, 1))
NV12 = np.random.default_rng(1).integers(0, 256, (9, 8), dtype=np.uint8)
GRAY = np.asarray(cv2.cvtColor(RGB, cv2.COLOR_RGB2GRAY), np.uint8)
DECODED = np.asarray(cv2.cvtColor(NV12, cv2.COLOR_YUV2RGB_NV12), np.uint8)


@pytest.mark.parametrize(
    ("code", "image", "formats", "expected"),
    [
        ("YUV2RGB_NV12", NV12, ("YUV_NV12", "RGB_INTERLEAVE"), DECODED),
        ("YUV2RGB_NV12", NV12, ("YUV_NV12", "RGB_PLANAR"), DECODED.transpose(2, 0, 1)),
        ("YUV2BGR_NV12", NV12, ("YUV_NV12", "BGR_INTERLEAVE"), DECODED[..., ::-1]),
        ("YUV2GRAY_NV12", NV12, ("YUV_NV12", "GRAY"), NV12[:6]),
        ("RGB2BGR", RGB, ("RGB_INTERLEAVE", "BGR_INTERLEAVE"), BGR),
        ("BGR2RGB", PLANAR, ("BGR_PLANAR", "RGB_PLANAR"), PLANAR[::-1]),
        ("BGR2RGB_INTERLEAVE2PLANAR", RGB, ("BGR888", "RGB_PLANAR"), PLANAR[::-1]),
        ("RGB2BGR_INTERLEAVE2PLANAR", RGB, ("RGB888", "BGR_PLANAR"), PLANAR[::-1]),
        ("BGR2BGR_INTERLEAVE2PLANAR", RGB, ("BGR888", "BGR_PLANAR"), PLANAR),
        ("RGB2RGB_INTERLEAVE2PLANAR", RGB, ("RGB888", "RGB_PLANAR"), PLANAR),
        ("BGR2GRAY_INTERLEAVE", BGR, ("BGR888", "GRAY"), GRAY),
        ("BGR2GRAY_PLANAR", PLANAR[::-1], ("BGR_PLANAR", "GRAY"), GRAY),
        ("RGB2GRAY_INTERLEAVE", RGB, ("RGB888", "GRAY"), GRAY),
        ("RGB2GRAY_PLANAR", PLANAR, ("RGB_PLANAR", "GRAY"), GRAY),
        ("NO_CHANGE", PLANAR, ("RGB_PLANAR", "RGB_INTERLEAVE"), RGB),
        ("NO_CHANGE", GRAY, ("GRAY", "GRAY"), GRAY),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_convert_color_equals_opencv(
    code: str,
    image: np.ndarray,
    formats: tuple[str, str],
    expected: np.ndarray,
) -> None:
    result = convert_color(image, code, *formats)
    np.testing.assert_array_equal(result, expected)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize(
    ("code", "image", "image_format"),
    [
        ("RGB2YUV_NV12_PLANAR", PLANAR, "RGB_PLANAR"),
        ("BGR2YUV_NV12_PLANAR", PLANAR[::-1], "BGR_PLANAR"),
    ],
    ids=["rgb", "bgr"],
)
def test_convert_color_makes_nv12(
    code: str,
    image: np.ndarray,
    image_format: str,
) -> None:
    i420 = cv2.cvtColor(RGB, cv2.COLOR_RGB2YUV_I420)
    u, v = i420[6:].reshape(2, 3, 4)
    chroma = np.stack([u, v], -1).reshape(3, 8)
    result = convert_color(image, code, image_format, "YUV_NV12")
    np.testing.assert_array_equal(result, np.concatenate([i420[:6], chroma]))


def test_convert_color_knows_all_published_codes() -> None:
    assert len(COLOR_CODES) == 15 + 1  # and NO_CHANGE
    assert {color_channels(code, 3) for code in COLOR_CODES if "GRAY" in code} == {1}
    assert color_channels("YUV2RGB_NV12", 1) == 3
    assert color_channels("RGB2BGR", 3) == 3


def test_convert_color_uses_the_color_space() -> None:
    bt601 = convert_color(NV12, "YUV2RGB_NV12", "YUV_NV12", "RGB_PLANAR", "BT601")
    bt709 = convert_color(NV12, "YUV2RGB_NV12", "YUV_NV12", "RGB_PLANAR", "BT709")
    assert not np.array_equal(bt601, bt709)


@pytest.mark.parametrize(
    ("code", "image", "formats", "message"),
    [
        ("RGB2BGR", NV12, ("YUV_NV12", "BGR888"), "RGB2BGR does not fit an NV12 image; expected"),
        ("YUV2RGB_NV12", RGB, ("RGB888", "RGB888"), "YUV2RGB_NV12 does not fit an RGB image"),
        ("RGB2HSV", RGB, ("RGB888", "RGB888"), "RGB2HSV does not fit an RGB image; expected one"),
        ("RGB2BGR", GRAY, ("GRAY", "GRAY"), "RGB2BGR needs 3 channels, the image has 1"),
        ("RGB2GRAY_PLANAR", RGB, ("RGB888", "GRAY"), "expected an image of RGB_PLANAR or"),
        ("RGB2GRAY_INTERLEAVE", PLANAR, ("RGB_PLANAR", "GRAY"), "expected an image of RGB888 or"),
        ("RGB2BGR", RGB, ("RGB888", "GRAY"), "output format is GRAY, the color code makes RGB_PL"),
        ("YUV2GRAY_NV12", NV12, ("YUV_NV12", "RGB888"), "is RGB888, the color code makes GRAY"),
        ("RGB2YUV_NV12_PLANAR", PLANAR, ("RGB_PLANAR", "GRAY"), "the color code makes YUV_NV12"),
        ("RGB2YUV_NV12_PLANAR", PLANAR[:, 1:], ("RGB_PLANAR", "YUV_NV12"), "be 8x5, expected even"),
    ],
    ids=[
        "swap-nv12", "yuv-of-rgb", "unknown", "swap-gray", "planar", "interleaved", "to-gray",
        "from-gray", "from-nv12", "odd",
    ],
)  # fmt: skip
def test_convert_color_names_what_does_not_fit(
    code: str,
    image: np.ndarray,
    formats: tuple[str, str],
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        convert_color(image, code, *formats)


def test_convert_picture_swaps_whatever_the_format_says() -> None:
    # published files feed RGB_PLANAR through BGR2RGB to obtain BGR
    picture = convert_picture(read_planes(PLANAR, "RGB_PLANAR"), "BGR2RGB", "BT601")
    np.testing.assert_array_equal(np.stack(picture.channels), PLANAR[::-1])  # type: ignore[union-attr]


def test_convert_picture_gives_bgr_of_nv12() -> None:
    rgb = convert_picture(read_nv12(NV12), "YUV2RGB_NV12", "BT709")
    bgr = convert_picture(read_nv12(NV12), "YUV2BGR_NV12", "BT709")
    np.testing.assert_array_equal(rgb.channels[0], bgr.channels[2])  # type: ignore[union-attr]
