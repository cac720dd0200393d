# SPDX-License-Identifier: Apache-2.0
"""The steps that fusion operators are made of; each changes the picture of a `Job`."""

import operator
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from vackit.config.vdsp_types import VdspParams
from vackit.errors import DataError
from vackit.vdsp.color import convert_picture
from vackit.vdsp.geometry import (
    Edges,
    Size,
    centered_corner,
    centering_edges,
    fit_inside,
    short_edge_size,
    size_text,
)
from vackit.vdsp.nv12 import Nv12
from vackit.vdsp.picture import Planes

StepName = Literal[
    "resize", "stretch", "cut", "crop", "inscribe", "center", "resize_ext", "border", "color",
    "to_rgb",
]  # fmt: skip


@dataclass(frozen=True)
class Overrides:
    """What one call says instead of the params; sizes (height, width), corner (x, y)."""

    resize_size: Size | None = None
    crop_xy: tuple[int, int] | None = None
    edges: Edges | None = None

    @classmethod
    def checked(
        cls,
        steps: Sequence[StepName],
        crop_resize_ext: Sequence[int] | None,
        rgb_letterbox_ext: Sequence[int] | None,
    ) -> "Overrides":
        """Take the tuples of a call apart.

        Raises:
            DataError: They are not for an operator of these steps, or not whole numbers.
        """
        if rgb_letterbox_ext is not None:
            _check_use("rgb_letterbox_ext", steps, ("resize_ext",))
        if crop_resize_ext is not None:
            _check_use("crop_resize_ext", steps, ("resize", "crop"))
            x, y, width, height = _numbers("crop_resize_ext", crop_resize_ext, 4)
            return cls(resize_size=(height, width), crop_xy=(x, y))
        if rgb_letterbox_ext is not None:
            width, height, *edges = _numbers("rgb_letterbox_ext", rgb_letterbox_ext, 6)
            top, bottom, left, right = edges
            return cls(resize_size=(height, width), edges=(top, bottom, left, right))
        return cls()


def _check_use(name: str, steps: Sequence[StepName], needed: Sequence[StepName]) -> None:
    if not set(needed) <= set(steps):
        raise DataError(f"{name} is given, but the operator has no step for it")


def _numbers(name: str, values: Sequence[int], count: int) -> list[int]:
    try:
        numbers = [operator.index(value) for value in values]
    except TypeError as error:
        raise DataError(f"{name} is {values!r}, expected {count} whole numbers") from error
    if len(numbers) != count or min(numbers) < 0:
        raise DataError(f"{name} is {tuple(numbers)}, expected {count} numbers of at least 0")
    return numbers


@dataclass
class Job:
    """One image on its way through the steps; lives for one call."""

    params: VdspParams
    color_code: str
    output_size: Size
    overrides: Overrides
    picture: Planes | Nv12

    @property
    def planes(self) -> Planes:
        """Return the picture, which a color step has made planes if it was not."""
        assert isinstance(self.picture, Planes)
        return self.picture


def _resize(job: Job) -> None:
    """Resize as this call or the params say: stretched, or by the short edge (2023)."""
    params = job.params
    size = job.overrides.resize_size or params.resize_size
    if size is None and params.short_edge is not None:
        size = short_edge_size(job.picture.size, params.short_edge)
    if size is None:
        raise DataError(
            "resize size is not given",
            hint="set ResizeWidth and ResizeHeight, or pass crop_resize_ext",
        )
    job.picture = job.picture.resized(size, params.resize_type)


def _resize_ext(job: Job) -> None:
    size = job.overrides.resize_size or job.params.resize_size
    if size is None:
        raise DataError(
            "resize size is not given",
            hint="set ResizeWidth and ResizeHeight, or pass rgb_letterbox_ext",
        )
    job.picture = job.picture.resized(size, job.params.resize_type)


def _stretch(job: Job) -> None:
    job.picture = job.picture.resized(job.output_size, job.params.resize_type)


def _inscribe(job: Job) -> None:
    """Resize to fit inside the output, aspect kept; a small picture grows."""
    size = fit_inside(job.picture.size, job.output_size)
    job.picture = job.picture.resized(size, job.params.resize_type)


def _cut(job: Job) -> None:
    """Crop before a resize: the params' crop size, else the output's."""
    _crop_to(job, job.params.crop_size or job.output_size, "image")


def _crop(job: Job) -> None:
    """Crop to the output size after a resize."""
    _crop_to(job, job.output_size, "resized image")


def _crop_to(job: Job, size: Size, what: str) -> None:
    whole = job.picture.size
    x, y = job.overrides.crop_xy or job.params.crop_xy or centered_corner(whole, size)
    if x < 0 or y < 0 or x + size[1] > whole[1] or y + size[0] > whole[0]:
        raise DataError(
            f"crop of {size_text(size)} at ({x}, {y}) reaches out of the {what} of "
            f"{size_text(whole)}"
        )
    job.picture = job.picture.cropped(x, y, size)


def _center(job: Job) -> None:
    edges = centering_edges(job.picture.size, job.output_size)
    job.picture = job.planes.bordered(edges, job.params.padding)


def _border(job: Job) -> None:
    edges = job.overrides.edges or job.params.edges or (0, 0, 0, 0)
    height, width = job.picture.size
    padded = (height + edges[0] + edges[1], width + edges[2] + edges[3])
    if padded != job.output_size:
        raise DataError(
            f"image of {size_text((height, width))} with borders (top, bottom, left, right) = "
            f"{edges} is {size_text(padded)}, expected {size_text(job.output_size)}"
        )
    job.picture = job.planes.bordered(edges, job.params.padding)


def _color(job: Job) -> None:
    job.picture = convert_picture(job.picture, job.color_code, job.params.color_space)


STEPS: dict[StepName, Callable[[Job], None]] = {
    "resize": _resize,
    "stretch": _stretch,
    "cut": _cut,
    "crop": _crop,
    "inscribe": _inscribe,
    "center": _center,
    "resize_ext": _resize_ext,
    "border": _border,
    "color": _color,
    "to_rgb": _color,
}
