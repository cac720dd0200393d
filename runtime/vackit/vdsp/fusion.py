# SPDX-License-Identifier: Apache-2.0
"""The card's fusion operators: one call takes an image to a normalized CHW tensor.

An operator is a row of steps, in the order that its name gives. What a step needs and the
vdsp params do not say (an output size) is the model's.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.config.vdsp_types import VdspParams
from vackit.errors import DataError
from vackit.vdsp.color import COLOR_CODES, color_channels
from vackit.vdsp.geometry import Size, size_text
from vackit.vdsp.normalize import Normalizer, OutputDtype
from vackit.vdsp.nv12 import read_nv12
from vackit.vdsp.picture import IMAGE_FORMATS, read_planes
from vackit.vdsp.steps import STEPS, Job, Overrides, StepName

_PREFIX, _SUFFIX = "FUSION_OP_", "_NORM_TENSOR"

# Names without FUSION_OP_ and _NORM_TENSOR
_OPERATORS: dict[str, tuple[StepName, ...]] = {
    "RGB_RESIZE_CVTCOLOR_CROP": ("resize", "color", "crop"),
    "RGB_RESIZE_CVTCOLOR": ("stretch", "color"),
    "RGB_CROP_RESIZE_CVTCOLOR": ("cut", "stretch", "color"),
    "RGB_CVTCOLOR": ("color",),
    "RGB_LETTERBOX_CVTCOLOR": ("inscribe", "center", "color"),
    "RGB_LETTERBOX_CVTCOLOR_EXT": ("resize_ext", "border", "color"),
    "YUV_NV12_RESIZE_2RGB": ("stretch", "to_rgb"),
    "YUV_NV12_CVTCOLOR_RESIZE": ("color", "stretch"),
    "YUV_NV12_RESIZE_CVTCOLOR_CROP": ("resize", "color", "crop"),
    "YUV_NV12_CROP_CVTCOLOR_RESIZE": ("cut", "color", "stretch"),
    "YUV_NV12_CVTCOLOR_RESIZE_CROP": ("color", "resize", "crop"),
    "YUV_NV12_CVTCOLOR_LETTERBOX": ("color", "inscribe", "center"),
    # the padding's values are RGB, so it comes after the conversion
    "YUV_NV12_LETTERBOX_2RGB": ("inscribe", "to_rgb", "center"),
}


def _short_name(op_type: str) -> str:
    return op_type.removeprefix(_PREFIX).replace(_SUFFIX, "")


def _full_name(short: str) -> str:
    extended = short.endswith("_EXT")
    return f"{_PREFIX}{short.removesuffix('_EXT')}{_SUFFIX}{'_EXT' if extended else ''}"


FUSION_OP_TYPES = tuple(_full_name(short) for short in _OPERATORS)


@dataclass(frozen=True)
class _Plan:
    """What of an operator is fixed before the first image."""

    steps: tuple[StepName, ...]
    color_code: str
    is_nv12: bool
    channels: int


class FusionOperator:
    """One fusion operator, ready to run. Thread-safe: calls share no mutable state.

    Args:
        params: The vdsp params. Sizes of the input image in the file are not in it: the
            actual image's count.
        model_size: (height, width) of the model's input, taken where the params give no
            output size (or no size of the crop before a resize).
        dtype: ``float16``, or ``float32``: the same float16 values, widened.

    Raises:
        DataError: The params do not make an operator; the message starts with their file.
    """

    def __init__(
        self,
        params: VdspParams,
        model_size: Size | None = None,
        dtype: OutputDtype = "float16",
    ) -> None:
        self._params = params
        self._where = str(params.source or params.op_type)
        try:
            self._plan = _plan(params)
            self._output_size = _output_size(params, model_size)
            self._normalizer = Normalizer(
                self._plan.channels,
                params.norma_type,
                params.mean,
                params.std,
                half=True,
                dtype=dtype,
            )
        except DataError as error:
            raise self._located(error) from error

    @property
    def params(self) -> VdspParams:
        """Return the params that the operator was made from."""
        return self._params

    @property
    def output_shape(self) -> tuple[int, int, int]:
        """Return (channels, height, width) of every result."""
        return (self._plan.channels, *self._output_size)

    def __call__(
        self,
        image: NDArray[np.uint8],
        *,
        crop_resize_ext: tuple[int, int, int, int] | None = None,
        rgb_letterbox_ext: tuple[int, int, int, int, int, int] | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Run the operator on one image.

        Args:
            image: uint8; (3, H, W) for planar formats, (H, W, 3) for RGB888 and BGR888,
                (H * 3 / 2, W) for NV12, (H, W) for GRAY. Any strides; never written to.
            crop_resize_ext: (crop_x, crop_y, resize_w, resize_h) for this image, instead
                of the params', where the operator resizes and then crops.
            rgb_letterbox_ext: (resize_w, resize_h, top, bottom, left, right) for this
                image, where the operator is the ``_EXT`` letterbox.
            out: Contiguous, of `output_shape` and the dtype asked for.

        Returns:
            ``out``, or a new array of that kind.

        Raises:
            DataError: The image is not of the format, or the numbers do not fit it.
        """
        try:
            overrides = Overrides.checked(self._plan.steps, crop_resize_ext, rgb_letterbox_ext)
            return self._normalizer(self._run(image, overrides), out)
        except DataError as error:
            raise self._located(error) from error

    def _run(self, image: NDArray[np.uint8], overrides: Overrides) -> tuple[NDArray[np.uint8], ...]:
        plan = self._plan
        is_nv12 = plan.is_nv12
        picture = read_nv12(image) if is_nv12 else read_planes(image, self._params.image_format)
        job = Job(self._params, plan.color_code, self._output_size, overrides, picture)
        for step in plan.steps:
            STEPS[step](job)
        planes = job.planes
        if planes.size != self._output_size:
            # every operator that resizes ends at the output size
            raise DataError(
                f"image is {size_text(planes.size)}, expected {size_text(self._output_size)}: "
                f"{_short_name(self._params.op_type)} does not resize"
            )
        return planes.channels

    def _located(self, error: DataError) -> DataError:
        return DataError(error.message, where=error.where or self._where, hint=error.hint)


def _plan(params: VdspParams) -> _Plan:
    if params.op_type not in FUSION_OP_TYPES:
        known = ", ".join(FUSION_OP_TYPES)
        raise DataError(f"{params.op_type} is not an image operator; there are: {known}")
    steps = _OPERATORS[_short_name(params.op_type)]
    is_nv12 = _is_nv12(params)
    code = "YUV2RGB_NV12" if "to_rgb" in steps else params.color_cvt_code
    _check_code(code, is_nv12)
    _check_padding(params.padding, steps)
    channels = 1 if params.image_format == "GRAY" else 3
    return _Plan(steps, code, is_nv12, color_channels(code, channels))


def _is_nv12(params: VdspParams) -> bool:
    by_name = "YUV_NV12" in params.op_type
    if params.image_format not in IMAGE_FORMATS:
        known = ", ".join(IMAGE_FORMATS)
        raise DataError(f"IimageFormat is {params.image_format!r}, expected one of: {known}")
    if by_name != (params.image_format == "YUV_NV12"):
        expected = "YUV_NV12" if by_name else "an RGB format"
        raise DataError(
            f"IimageFormat is {params.image_format}, {params.op_type} expected {expected}"
        )
    return by_name


def _check_code(code: str, is_nv12: bool) -> None:
    fitting = [
        known
        for known in COLOR_CODES
        if known.startswith("YUV2") == is_nv12 and not known.endswith("2YUV_NV12_PLANAR")
    ]
    if code not in fitting:
        source = "a YUV_NV12" if is_nv12 else "an RGB"
        raise DataError(
            f"ColorCvtCode is {code}, {source} image needs one of: {', '.join(fitting)}",
            hint="set ColorCvtCode to YUV2RGB_NV12" if is_nv12 else "",
        )


def _check_padding(padding: tuple[int, ...], steps: tuple[StepName, ...]) -> None:
    if not {"center", "border"} & set(steps):
        return
    if len(padding) not in (1, 3) or not all(0 <= value <= 255 for value in padding):
        raise DataError(f"Padding is {list(padding)}, expected 1 or 3 values of 0 to 255")


def _output_size(params: VdspParams, model_size: Size | None) -> Size:
    size = params.output_size or model_size
    if size is None:
        raise DataError(
            "output size is not given, and there is no model to take it from",
            hint="set OimageWidth and OimageHeight",
        )
    if min(size) < 1:
        raise DataError(f"output size is {size_text(size)}, expected at least 1x1")
    return size
