# SPDX-License-Identifier: Apache-2.0
"""The vdsp params: the card's fused preprocessing, all three generations in one form."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

NormaType = Literal[
    "EQUAL", "DIV255", "MINUSMEAN_DIVSTD", "DIV255_MINUSMEAN_DIVSTD", "DIV1275_MINUSONE"
]
ResizeType = Literal["NEAREST", "BILINEAR", "BILINEAR_CV", "BILINEAR_PILLOW", "BICUBIC_PILLOW"]


@dataclass(frozen=True)
class VdspParams:
    """One preprocessing operator.

    Attributes:
        op_type: The current generation's name, ``FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR``.
        image_format: ``RGB_PLANAR``, ``BGR_PLANAR``, ``RGB888``, ``BGR888``, ``GRAY`` or
            ``YUV_NV12``: how the bytes of the input image are to be read.
        output_size: (height, width); None: the model's input size.
        resize_size: (height, width) of a stretching resize.
        short_edge: 2023 form: the shorter side becomes this, the aspect is kept.
        crop_xy: (x, y) of the crop's corner; None: a centered crop (2023 form).
        crop_size: (height, width) where the operator crops before it resizes.
        mean: As float16 holds it, in the order after the color conversion.
        std: Likewise.
        padding: One value a channel.
        edges: (top, bottom, left, right) of the ``_EXT`` letterbox.
        generation: "A" (flat integers), "B" (Property/Value list), "C" (OpType/OpConfig).
    """

    op_type: str
    image_format: str = "RGB_PLANAR"
    output_size: tuple[int, int] | None = None
    resize_size: tuple[int, int] | None = None
    short_edge: int | None = None
    crop_xy: tuple[int, int] | None = None
    crop_size: tuple[int, int] | None = None
    resize_type: ResizeType = "BILINEAR_CV"
    color_cvt_code: str = "NO_CHANGE"
    color_space: Literal["BT601", "BT709"] = "BT601"
    norma_type: NormaType = "EQUAL"
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    padding: tuple[int, ...] = (114, 114, 114)
    edges: tuple[int, int, int, int] | None = None
    generation: Literal["A", "B", "C"] = "C"
    source: Path | None = None

    @property
    def is_text(self) -> bool:
        """Return whether it is the operator of text models, which does nothing to tensors."""
        return self.op_type == "BERT_EMBEDDING_OP"

    @property
    def keeps_pixels(self) -> bool:
        """Return whether tensors hold the pixels as they are: whole numbers from 0 to 255."""
        is_idle = not any(self.mean) and set(self.std) == {1.0}
        return self.norma_type == "EQUAL" or (self.norma_type == "MINUSMEAN_DIVSTD" and is_idle)
