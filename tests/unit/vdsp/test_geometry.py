# SPDX-License-Identifier: Apache-2.0
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vackit.vdsp.geometry import (
    centered_corner,
    centering_edges,
    fit_inside,
    long_edge_size,
    short_edge_size,
    size_text,
)

sides = st.integers(1, 4000)
sizes = st.tuples(sides, sides)


@pytest.mark.parametrize(
    ("size", "short_edge", "expected"),
    [
        ((375, 500), 256, (256, 341)),
        ((500, 375), 256, (341, 256)),
        ((500, 500), 256, (256, 256)),
        ((1, 1), 8, (8, 8)),
        ((2, 3), 1, (1, 1)),
    ],
    ids=["landscape", "portrait", "square", "pixel", "down-to-one"],
)
def test_short_edge_size_rounds_the_longer_side_down(
    size: tuple[int, int], short_edge: int, expected: tuple[int, int]
) -> None:
    assert short_edge_size(size, short_edge) == expected


@given(size=sizes, box=sizes)
def test_fit_inside_touches_the_box_and_keeps_the_aspect(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    height, width = fit_inside(size, box)
    assert 1 <= height <= box[0]
    assert 1 <= width <= box[1]
    assert height == box[0] or width == box[1]
    ratio = min(box[0] / size[0], box[1] / size[1])
    # half a pixel of rounding, and never less than one pixel
    assert abs(height - max(size[0] * ratio, 1)) <= 0.5 + 1e-6
    assert abs(width - max(size[1] * ratio, 1)) <= 0.5 + 1e-6


@given(size=sizes, box=sizes)
def test_centering_edges_fill_the_box_around_the_middle(
    size: tuple[int, int], box: tuple[int, int]
) -> None:
    inner = fit_inside(size, box)
    top, bottom, left, right = centering_edges(inner, box)
    assert (top + inner[0] + bottom, left + inner[1] + right) == box
    assert 0 <= bottom - top <= 1
    assert 0 <= right - left <= 1


def test_long_edge_size_scales_up_and_down() -> None:
    assert long_edge_size((480, 320), 640) == (640, 427)
    assert long_edge_size((720, 1280), 640) == (360, 640)


def test_centered_corner_rounds_down() -> None:
    assert centered_corner((256, 341), (224, 224)) == (58, 16)
    assert centered_corner((249, 249), (224, 224)) == (12, 12)


def test_size_text_says_width_first() -> None:
    assert size_text((375, 500)) == "500x375"
