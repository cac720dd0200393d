# SPDX-License-Identifier: Apache-2.0
"""Where the preprocessing has put a picture in the model's input, to find the way back."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp import VdspParams
from vackit.errors import StreamError
from vackit.vdsp.geometry import Size, centering_edges, fit_inside


@dataclass(frozen=True)
class Placement:
    """A picture of (height, width) ``size`` lies in the model's input at a rectangle.

    Attributes:
        size: As it is in its file.
        corner: (x, y) of the rectangle, in pixels of the model's input.
        inner: (height, width) of the rectangle.
    """

    size: Size
    corner: tuple[int, int]
    inner: Size

    def boxes_back(self, boxes: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return boxes (n, 4) x1 y1 x2 y2 in pixels of the picture, cut off at its edges."""
        (height, width), (x, y) = self.size, self.corner
        factor = np.array([width / self.inner[1], height / self.inner[0]] * 2)
        moved = (boxes.astype(np.float64) - np.array([x, y, x, y])) * factor
        return np.asarray(np.clip(moved, 0, np.array([width, height, width, height])))

    def mask_back(self, mask: NDArray[np.uint8], box: Size) -> NDArray[np.uint8]:
        """Return a mask of the whole model input as a mask of the picture, nearest pixels.

        Args:
            mask: (h, w), of any resolution.
            box: (height, width) of the model's input.
        """
        rows = self._nearest(0, self.corner[1], mask.shape[0] / box[0])
        columns = self._nearest(1, self.corner[0], mask.shape[1] / box[1])
        rows, columns = rows.clip(0, mask.shape[0] - 1), columns.clip(0, mask.shape[1] - 1)
        return np.asarray(mask[rows][:, columns])

    def _nearest(self, axis: int, start: int, scale: float) -> NDArray[np.intp]:
        middles = (np.arange(self.size[axis]) + 0.5) * self.inner[axis] / self.size[axis]
        return np.floor((middles + start) * scale).astype(np.intp)


def placement(vdsp: VdspParams, size: Size, box: Size) -> Placement:
    """Return where the operator of ``vdsp`` puts a picture.

    Args:
        vdsp: A letterbox, or a resize that stretches.
        size: (height, width) of the picture.
        box: (height, width) of the model's input.

    Raises:
        StreamError: The operator crops, or is told the picture's place image by image.
    """
    name = vdsp.op_type
    if "_EXT" not in name and "LETTERBOX" in name:
        inner = fit_inside(size, box)
        top, _, left, _ = centering_edges(inner, box)
        return Placement(size, (left, top), inner)
    if "CROP" not in name and "RESIZE" in name:
        return Placement(size, (0, 0), box)
    raise StreamError(
        f"{name} leaves no way back to the picture",
        where=vdsp.source or name,
        hint="use FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR",
    )
