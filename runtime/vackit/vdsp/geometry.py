# SPDX-License-Identifier: Apache-2.0
"""Where pictures go: sizes that keep an aspect, centered corners, borders. Integers only.

Sizes are (height, width), corners (x, y), edges (top, bottom, left, right), in pixels.
"""

Size = tuple[int, int]
Edges = tuple[int, int, int, int]


def short_edge_size(size: Size, short_edge: int) -> Size:
    """Return ``size`` scaled so that its shorter side is ``short_edge``.

    The longer side is rounded down, as the published programs and torchvision do.
    """
    height, width = size
    if width > height:
        return short_edge, max(short_edge * width // height, 1)
    return max(short_edge * height // width, 1), short_edge


def fit_inside(size: Size, box: Size) -> Size:
    """Return the largest size of ``size``'s aspect inside ``box``; small ones grow.

    One side equals the box's exactly, the other is rounded to the nearest pixel, halves
    up [guess: the published programs undo a letterbox without rounding].
    """
    (height, width), (box_height, box_width) = size, box
    if box_width * height <= box_height * width:
        return max((2 * height * box_width + width) // (2 * width), 1), box_width
    return box_height, max((2 * width * box_height + height) // (2 * height), 1)


def long_edge_size(size: Size, long_edge: int) -> Size:
    """Return ``size`` scaled so that its longer side is ``long_edge``, as `fit_inside`."""
    return fit_inside(size, (long_edge, long_edge))


def centered_corner(size: Size, inner: Size) -> tuple[int, int]:
    """Return the (x, y) at which ``inner`` lies in the middle of ``size``.

    An odd pixel stays on the right and at the bottom, as in the published vdsp files
    (398 of 398 have CropX = floor((Resize - Oimage) / 2)).
    """
    return (size[1] - inner[1]) // 2, (size[0] - inner[0]) // 2


def centering_edges(size: Size, box: Size) -> Edges:
    """Return the borders that put a picture of ``size`` into the middle of ``box``."""
    left, top = centered_corner(box, size)
    return top, box[0] - size[0] - top, left, box[1] - size[1] - left


def size_text(size: Size) -> str:
    """Return a size as messages show it: ``width x height``."""
    return f"{size[1]}x{size[0]}"
