# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from vackit.vdsp.pillow_resize import PillowFilter, coefficients, pillow_nearest, pillow_resize

KINDS: tuple[PillowFilter, ...] = ("bilinear", "bicubic")
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

Pixels = NDArray[np.uint8]

lengths = st.one_of(st.integers(1, 5), st.integers(1, 160))
seeds = st.integers(0, 2**32 - 1)


def noise(shape: tuple[int, ...], seed: int) -> Pixels:
    """Return random pixels; half of the time only 0 and 255, which overshoot most."""
    values = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    return np.where(values > 127, np.uint8(255), np.uint8(0)) if seed % 2 else values


def pillow(image: Pixels, size: tuple[int, int], kind: PillowFilter) -> Pixels:
    resized = Image.fromarray(image).resize((size[1], size[0]), FILTERS[kind])
    return np.asarray(resized)


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=300, deadline=None)
@given(height=lengths, width=lengths, new_height=lengths, new_width=lengths, seed=seeds)
@example(height=1, width=1, new_height=7, new_width=9, seed=0)
@example(height=9, width=7, new_height=1, new_width=1, seed=1)
@example(height=64, width=64, new_height=64, new_width=31, seed=2)
@example(height=64, width=64, new_height=31, new_width=64, seed=3)
def test_pillow_resize_equals_pillow(
    kind: PillowFilter, height: int, width: int, new_height: int, new_width: int, seed: int
) -> None:
    image = noise((height, width, 3), seed)
    size = (new_height, new_width)
    np.testing.assert_array_equal(pillow_resize(image, size, kind), pillow(image, size, kind))
    gray = np.ascontiguousarray(image[..., 0])
    np.testing.assert_array_equal(pillow_resize(gray, size, kind), pillow(gray, size, kind))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("old", "new"),
    [
        ((90, 20), (31, 57)),
        ((100, 60), (38, 30)),
        # the height shrinks by exactly twice what the width does, and by one pixel more
        ((100, 60), (40, 30)),
        ((100, 60), (39, 30)),
        ((20, 90), (57, 31)),
        ((500, 5), (40, 3)),
        ((20, 30), (19, 300)),
    ],
    ids=[
        "lower-wider", "much-lower", "at-the-limit", "past-the-limit", "higher-narrower", "tall",
        "one-row-less",
    ],
)  # fmt: skip
def test_pillow_resize_runs_the_passes_in_pillows_order(
    kind: PillowFilter, old: tuple[int, int], new: tuple[int, int]
) -> None:
    for seed in range(5):
        image = noise((*old, 3), seed)
        np.testing.assert_array_equal(pillow_resize(image, new, kind), pillow(image, new, kind))


def test_pillow_resize_order_of_passes_shows_in_the_result() -> None:
    # otherwise the test before this one would prove nothing
    image = noise((90, 20), 0)
    horizontal_first = pillow_resize(
        pillow_resize(image, (90, 57), "bilinear"), (31, 57), "bilinear"
    )
    assert not np.array_equal(pillow_resize(image, (31, 57), "bilinear"), horizontal_first)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("old", "new"),
    [((375, 500), (256, 256)), ((768, 1024), (224, 224)), ((37, 41), (333, 640))],
    ids=["imagenet", "large", "enlarged"],
)
def test_pillow_resize_equals_pillow_on_usual_sizes(
    kind: PillowFilter, old: tuple[int, int], new: tuple[int, int]
) -> None:
    image = noise((*old, 3), 6)
    np.testing.assert_array_equal(pillow_resize(image, new, kind), pillow(image, new, kind))


@settings(max_examples=200, deadline=None)
@given(height=lengths, width=lengths, new_height=lengths, new_width=lengths, seed=seeds)
def test_pillow_nearest_equals_pillow(
    height: int, width: int, new_height: int, new_width: int, seed: int
) -> None:
    image = noise((height, width, 3), seed)
    expected = Image.fromarray(image).resize((new_width, new_height), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(
        pillow_nearest(image, (new_height, new_width)), np.asarray(expected)
    )


def test_pillow_resize_takes_views_and_read_only_arrays() -> None:
    image = noise((40, 60, 3), 0)
    view = image[::2, ::-1]
    view.setflags(write=False)
    expected = pillow(np.ascontiguousarray(view), (9, 70), "bicubic")
    np.testing.assert_array_equal(pillow_resize(view, (9, 70), "bicubic"), expected)


def test_pillow_resize_returns_a_new_array_when_the_size_is_kept() -> None:
    image = noise((4, 5, 3), 0)
    result = pillow_resize(image, (4, 5), "bilinear")
    np.testing.assert_array_equal(result, image)
    assert not np.shares_memory(result, image)


@pytest.mark.parametrize("kind", KINDS)
@given(length=st.integers(1, 3000), new_length=st.integers(1, 600))
@settings(max_examples=100, deadline=None)
def test_coefficients_sum_to_one(kind: PillowFilter, length: int, new_length: int) -> None:
    first, weights = coefficients(length, new_length, kind)
    # each tap is rounded by at most half a unit
    assert np.abs(weights.sum(axis=1) - (1 << 22)).max() <= weights.shape[1] / 2
    assert first.min() >= 0
    assert (first < length).all()
