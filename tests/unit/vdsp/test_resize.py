# SPDX-License-Identifier: Apache-2.0
from typing import get_args

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from vackit.config.vdsp_types import ResizeType
from vackit.errors import DataError
from vackit.vdsp.resize import MAX_PIXELS, find_resizer, resize, resize_with

sides = st.integers(1, 120)


def noise(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("resize_type", "flag"),
    [
        ("BILINEAR_CV", cv2.INTER_LINEAR),
        ("BILINEAR", cv2.INTER_LINEAR),
        ("NEAREST", cv2.INTER_NEAREST),
    ],
    ids=["bilinear-cv", "bilinear", "nearest"],
)
@settings(max_examples=150, deadline=None)
@given(height=sides, width=sides, new_height=sides, new_width=sides)
def test_resize_by_planes_equals_opencv_on_interleaved_pixels(
    resize_type: ResizeType, flag: int, height: int, width: int, new_height: int, new_width: int
) -> None:
    image = noise(height, width, 3)
    expected = cv2.resize(image, (new_width, new_height), interpolation=flag)
    np.testing.assert_array_equal(resize(image, (new_height, new_width), resize_type), expected)
    for channel in range(3):
        plane = resize(
            np.ascontiguousarray(image[..., channel]), (new_height, new_width), resize_type
        )
        np.testing.assert_array_equal(plane, expected[..., channel])


@pytest.mark.parametrize(
    ("resize_type", "resample"),
    [
        ("BILINEAR_PILLOW", Image.Resampling.BILINEAR),
        ("BICUBIC_PILLOW", Image.Resampling.BICUBIC),
    ],
    ids=["bilinear", "bicubic"],
)
def test_resize_pillow_types_equal_pillow(
    resize_type: ResizeType, resample: Image.Resampling
) -> None:
    image = noise(90, 61, 3)
    expected = np.asarray(Image.fromarray(image).resize((224, 30), resample))
    np.testing.assert_array_equal(resize(image, (30, 224), resize_type), expected)


@pytest.mark.parametrize("resize_type", get_args(ResizeType))
def test_resize_returns_the_image_when_the_size_is_right(resize_type: ResizeType) -> None:
    image = noise(7, 9)
    assert resize(image, (7, 9), resize_type) is image


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("nearest", cv2.INTER_NEAREST),
        ("linear", cv2.INTER_LINEAR),
        ("bilinear", cv2.INTER_LINEAR),
        ("cubic", cv2.INTER_CUBIC),
        ("bicubic", cv2.INTER_CUBIC),
        ("area", cv2.INTER_AREA),
        ("lanczos", cv2.INTER_LANCZOS4),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_find_resizer_knows_opencv_by_name(name: str, flag: int) -> None:
    image = noise(50, 40, 3)
    expected = cv2.resize(image, (33, 20), interpolation=flag)
    np.testing.assert_array_equal(find_resizer(name, "cv2")(image, (20, 33)), expected)


@pytest.mark.parametrize(
    ("name", "resample"),
    [
        ("nearest", Image.Resampling.NEAREST),
        ("linear", Image.Resampling.BILINEAR),
        ("bilinear", Image.Resampling.BILINEAR),
        ("cubic", Image.Resampling.BICUBIC),
        ("bicubic", Image.Resampling.BICUBIC),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_find_resizer_knows_pillow_by_name(name: str, resample: Image.Resampling) -> None:
    image = noise(50, 40, 3)
    expected = np.asarray(Image.fromarray(image).resize((33, 20), resample))
    np.testing.assert_array_equal(find_resizer(name, "pillow")(image, (20, 33)), expected)


def test_find_resizer_names_the_backends() -> None:
    with pytest.raises(DataError, match="resize backend is 'gpu', expected one of: cv2, pillow"):
        find_resizer("bilinear", "gpu")


def test_find_resizer_names_the_interpolations() -> None:
    with pytest.raises(DataError, match="'area', backend pillow has only: nearest, linear"):
        find_resizer("area", "pillow")


@pytest.mark.parametrize("size", [(0, 5), (5, 0), (1 << 15, 1 << 14)], ids=["low", "thin", "huge"])
def test_resize_refuses_sizes_beyond_reason(size: tuple[int, int]) -> None:
    with pytest.raises(DataError, match=f"resizing 3x2 to {size[1]}x{size[0]}: .* {MAX_PIXELS}"):
        resize_with(find_resizer("nearest", "cv2"), noise(2, 3), size)
