# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vackit.errors import DataError
from vackit.vdsp.nv12 import ColorSpace, Nv12, read_nv12, rgb_to_nv12, write_nv12
from vackit.vdsp.picture import Planes, read_planes

halves = st.integers(1, 30)
seeds = st.integers(0, 2**32 - 1)
SPACES: tuple[ColorSpace, ...] = ("BT601", "BT709")

# The standards' own luma weights
WEIGHTS = {"BT601": (0.299, 0.587, 0.114), "BT709": (0.2126, 0.7152, 0.0722)}


def noise(seed: int, *shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def odd(picture: Nv12) -> Nv12:
    """Return the picture without its last row and column, on the path of odd sizes."""
    return Nv12(picture.luma[:-1, :-1], picture.chroma)


@settings(max_examples=60, deadline=None)
@given(rows=halves, columns=halves, seed=seeds)
def test_to_rgb_bt601_equals_opencv(rows: int, columns: int, seed: int) -> None:
    image = noise(seed, rows * 3, columns * 2)
    expected = cv2.cvtColor(image, cv2.COLOR_YUV2RGB_NV12)
    picture = read_nv12(image)
    np.testing.assert_array_equal(np.stack(picture.to_rgb("BT601").channels, -1), expected)
    # odd pictures take the fixed-point code, which must not differ
    np.testing.assert_array_equal(
        np.stack(odd(picture).to_rgb("BT601").channels, -1), expected[:-1, :-1]
    )


@settings(max_examples=60, deadline=None)
@given(rows=halves, columns=halves, seed=seeds)
def test_rgb_to_nv12_bt601_equals_opencv(rows: int, columns: int, seed: int) -> None:
    height, width = rows * 2, columns * 2
    rgb = noise(seed, height, width, 3)
    i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    picture = rgb_to_nv12(read_planes(rgb, "RGB888"), "BT601")
    np.testing.assert_array_equal(picture.luma, i420[:height])
    u, v = i420[height:].reshape(2, rows, columns)
    np.testing.assert_array_equal(picture.chroma, np.stack([u, v], -1))


@pytest.mark.parametrize("space", SPACES)
def test_to_rgb_follows_the_standard(space: ColorSpace) -> None:
    red, green, blue = WEIGHTS[space]
    yuv = noise(0, 500, 3).astype(float)
    luma = np.maximum(yuv[:, 0] - 16, 0) / 219
    cb, cr = ((yuv[:, index] - 128) / 224 for index in (1, 2))
    r, b = luma + 2 * (1 - red) * cr, luma + 2 * (1 - blue) * cb
    g = (luma - red * r - blue * b) / green
    expected = np.clip(np.stack([r, g, b]) * 255, 0, 255)
    picture = Nv12(
        yuv[:, :1].astype(np.uint8).repeat(2, 0).repeat(2, 1),
        yuv[:, None, 1:].astype(np.uint8),
    )
    result = np.stack(picture.to_rgb(space).channels)[:, ::2, 0]
    # half a level of rounding, and OpenCV's three decimals for BT.601
    assert np.abs(result - expected).max() <= 0.75


@pytest.mark.parametrize("space", SPACES)
def test_gray_has_no_chroma_and_survives_the_round_trip(space: ColorSpace) -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16).repeat(2, 0).repeat(2, 1)
    picture = rgb_to_nv12(Planes((gray, gray, gray)), space)
    assert (picture.chroma == 128).all()
    assert (picture.luma.min(), picture.luma.max()) == (16, 235)
    back = picture.to_rgb(space)
    # 256 levels went through 220
    assert max(int(np.abs(plane.astype(int) - gray).max()) for plane in back.channels) <= 1


def test_color_spaces_differ() -> None:
    picture = read_nv12(noise(1, 6, 4))
    bt601, bt709 = (np.stack(picture.to_rgb(space).channels) for space in SPACES)
    assert not np.array_equal(bt601, bt709)


def test_read_nv12_shares_memory_and_write_nv12_returns_it() -> None:
    image = noise(0, 9, 4)
    picture = read_nv12(image)
    assert picture.size == (6, 4)
    assert np.shares_memory(picture.chroma, image)
    np.testing.assert_array_equal(write_nv12(picture), image)


@pytest.mark.parametrize(
    "shape", [(7, 4), (6, 5), (3, 2), (2, 3, 4)], ids=["rows", "odd-width", "fits", "planar"]
)
def test_read_nv12_names_shapes_that_do_not_fit(shape: tuple[int, ...]) -> None:
    if shape == (3, 2):
        assert read_nv12(noise(0, *shape)).size == (2, 2)
        return
    with pytest.raises(DataError, match=r"image has shape .*YUV_NV12 expected \(height \* 3 / 2"):
        read_nv12(noise(0, *shape))


def test_write_nv12_refuses_odd_sides() -> None:
    with pytest.raises(DataError, match="NV12 image would be 3x5, expected even sides"):
        write_nv12(odd(read_nv12(noise(0, 9, 4))))


def test_cropped_takes_luma_and_chroma_of_the_same_place() -> None:
    picture = read_nv12(noise(0, 12, 8)).cropped(2, 4, (4, 5))
    assert picture.luma.shape == (4, 5)
    assert picture.chroma.shape == (2, 3, 2)


def test_cropped_at_an_odd_corner_starts_with_the_chroma_it_cuts_through() -> None:
    whole = read_nv12(noise(0, 12, 8))
    part = whole.cropped(1, 3, (4, 5))
    np.testing.assert_array_equal(part.luma, whole.luma[3:7, 1:6])
    np.testing.assert_array_equal(part.chroma, whole.chroma[1:3, 0:3])
    # to the last pixel: chroma is there for all of them
    assert whole.cropped(1, 1, (7, 7)).chroma.shape == (4, 4, 2)


def test_resized_resizes_luma_and_chroma_each() -> None:
    image = noise(0, 24, 20)
    picture = read_nv12(image).resized((9, 14), "BILINEAR_CV")
    np.testing.assert_array_equal(picture.luma, cv2.resize(image[:16], (14, 9)))
    chroma = image[16:].reshape(8, 10, 2)
    np.testing.assert_array_equal(picture.chroma, cv2.resize(chroma, (7, 5)))


def test_rgb_to_nv12_bt601_equals_opencv_for_every_red_and_blue() -> None:
    red, blue = np.meshgrid(np.arange(256, dtype=np.uint8), np.arange(256, dtype=np.uint8))
    for green in (0, 77, 128, 255):
        rgb = np.stack([red, np.full_like(red, green), blue], -1).repeat(2, 0).repeat(2, 1)
        picture = rgb_to_nv12(read_planes(rgb, "RGB888"), "BT601")
        i420 = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
        np.testing.assert_array_equal(picture.luma, i420[:512])
        np.testing.assert_array_equal(picture.chroma[..., 0], i420[512:640].reshape(256, 256))
        np.testing.assert_array_equal(picture.chroma[..., 1], i420[640:].reshape(256, 256))
