# SPDX-License-Identifier: Apache-2.0
"""Attributes of operators: the values of vdsp params under the names of `AttrKey`.

A file's ``OpConfig`` becomes a dict of attributes; a dict of attributes, as a program has
changed it, becomes vdsp params again.
"""

import contextlib
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from vackit.compat.vaststreamx.enums import (
    AttrKey,
    ColorCvtCode,
    ImageColorSpace,
    ImageFlipType,
    ImageFormat,
    ImagePaddingType,
    ImageResizeType,
    ImageType,
    ImageWarpAffineMode,
    NormaType,
    OpType,
    PublishedEnum,
)
from vackit.config.vdsp import as_float16
from vackit.config.vdsp_types import VdspParams
from vackit.errors import StreamError

Value = Any  # an int, a float, or a list of them
Attributes = dict[str, Value]

_ENUMS: dict[str, type[PublishedEnum]] = {
    "IIMAGE_FORMAT": ImageType,
    "OIMAGE_FORMAT": ImageType,
    "RESIZE_TYPE": ImageResizeType,
    "COLOR_CVT_CODE": ColorCvtCode,
    "COLOR_SPACE": ImageColorSpace,
    "NORMA_TYPE": NormaType,
    "DIRECTION": ImageFlipType,
    "FLAGS": ImageWarpAffineMode,
    "BORDER_MODE": ImagePaddingType,
    "EDGE_PADDING_TYPE": ImagePaddingType,
}
# what their members' names start with, and files leave out
_PREFIX = re.compile("^(COLOR_SPACE|COLOR|FLIP_TYPE|WARP_AFFINE_MODE|(EDGE_)?PADDING_TYPE)_")
_TYPE_OF_FORMAT = {
    ImageFormat.YUV_NV12: ImageType.YUV_NV12,
    ImageFormat.RGB_PLANAR: ImageType.RGB_PLANAR,
    ImageFormat.BGR_PLANAR: ImageType.BGR_PLANAR,
    ImageFormat.RGB_INTERLEAVE: ImageType.RGB888,
    ImageFormat.BGR_INTERLEAVE: ImageType.BGR888,
    ImageFormat.GRAY: ImageType.GRAY,
}
FORMAT_OF_TYPE = {image_type: image_format for image_format, image_type in _TYPE_OF_FORMAT.items()}
_EDGES = ("PADDING_TOP", "PADDING_BOTTOM", "PADDING_LEFT", "PADDING_RIGHT")

_SIZES = ("IIMAGE_WIDTH", "IIMAGE_HEIGHT", "IIMAGE_WIDTH_PITCH", "IIMAGE_HEIGHT_PITCH")
_OUTPUT = ("OIMAGE_WIDTH", "OIMAGE_HEIGHT", "OIMAGE_WIDTH_PITCH", "OIMAGE_HEIGHT_PITCH")
_IMAGES = ("IIMAGE_FORMAT", *_SIZES, *_OUTPUT)
# what each single operator has before a program sets anything
SINGLE_KEYS: dict[OpType, tuple[str, ...]] = {
    OpType.SINGLE_OP_RESIZE: (*_IMAGES, "OIMAGE_FORMAT", "RESIZE_TYPE"),
    OpType.SINGLE_OP_CROP: (*_IMAGES, "CROP_X", "CROP_Y"),
    OpType.SINGLE_OP_CVT_COLOR: (*_SIZES, *_OUTPUT, "COLOR_CVT_CODE", "COLOR_SPACE"),
    OpType.SINGLE_OP_BATCH_CROP_RESIZE: (
        *_IMAGES, "CROP_NUM", "CROP_X", "CROP_Y", "CROP_WIDTH", "CROP_HEIGHT", "RESIZE_TYPE",
    ),
    OpType.SINGLE_OP_SCALE: (*_SIZES, *_OUTPUT, "OIMAGE_CNT", "RESIZE_TYPE"),
    OpType.SINGLE_OP_FLIP: (*_IMAGES, "DIRECTION"),
    OpType.SINGLE_OP_WARP_AFFINE: (*_IMAGES, "M", "FLAGS", "BORDER_MODE", "BORDER_VALUE"),
    OpType.SINGLE_OP_COPY_MAKE_BORDER: (
        *_IMAGES, "EDGE_LEFT", "EDGE_RIGHT", "EDGE_TOP", "EDGE_BOTTOM", "PADDING", "RESIZE_TYPE",
    ),
}  # fmt: skip

# what they do where a program does not say it; everything else starts as 0
SINGLE_DEFAULTS = {
    "RESIZE_TYPE": int(ImageResizeType.BILINEAR_CV),
    "COLOR_SPACE": int(ImageColorSpace.COLOR_SPACE_BT601),
}


def single_attributes(op_type: OpType) -> Attributes:
    """Return the attributes that a single operator has before anything is set."""
    return {key: SINGLE_DEFAULTS.get(key, 0) for key in SINGLE_KEYS.get(op_type, ())}


def attribute_name(key: str) -> str:
    """Return what `AttrKey` calls a key of a file: ``IimageFormat`` is ``IIMAGE_FORMAT``."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", key).upper()


def attributes_of(config: Mapping[str, Any], params: VdspParams) -> Attributes:
    """Return an operator's attributes.

    Args:
        config: ``OpConfig`` of its file, in the newest generation.
        params: The same, checked. RGB operators always have an ``IIMAGE_FORMAT``, NV12
            operators never: programs choose by it which image they make.
    """
    attributes: Attributes = {}
    for name, value in config.items():
        key = attribute_name(name)
        if key in AttrKey.__members__:
            attributes[key] = coded(key, value)
    attributes.pop("IIMAGE_FORMAT", None)
    if "NV12" not in params.op_type:
        attributes["IIMAGE_FORMAT"] = coded("IIMAGE_FORMAT", params.image_format)
    return attributes


def coded(key: str, value: Any) -> Value:
    """Return a value as attributes hold it: enumerations and their names as integers.

    Raises:
        StreamError: It is none of the enumeration's, or no number at all.
    """
    if isinstance(value, ImageFormat) and key.endswith("IMAGE_FORMAT"):
        return int(_TYPE_OF_FORMAT[value])
    if key == "TENSOR_TYPE0" and isinstance(value, str):
        return 0
    kind = _ENUMS.get(key)
    if kind is not None:
        return _member(key, kind, value)
    if hasattr(value, "tolist"):
        value = value.tolist()  # numpy's arrays and numbers
    if isinstance(value, int | float):
        return value if isinstance(value, float) else int(value)
    with contextlib.suppress(TypeError):
        if not isinstance(value, str):
            return [item.item() if hasattr(item, "item") else item for item in value]
    raise StreamError(f"attribute {key} is {value!r}, expected a number or a list")


def _member(key: str, kind: type[PublishedEnum], value: Any) -> int:
    try:
        if not isinstance(value, str):
            return int(kind(int(value)))
        members = {_PREFIX.sub("", name): int(one) for name, one in kind.__members__.items()}
        return members[_PREFIX.sub("", value)]
    except (KeyError, TypeError, ValueError) as error:
        known = ", ".join(kind.__members__)
        raise StreamError(f"attribute {key} is {value!r}, expected one of: {known}") from error


def params_of(attributes: Attributes, base: VdspParams) -> VdspParams:
    """Return the vdsp params that attributes mean; what they do not say is ``base``'s."""
    changes: dict[str, Any] = {}
    for field, first, second in (
        ("output_size", "OIMAGE_HEIGHT", "OIMAGE_WIDTH"),
        ("resize_size", "RESIZE_HEIGHT", "RESIZE_WIDTH"),
        ("crop_size", "CROP_HEIGHT", "CROP_WIDTH"),
        ("crop_xy", "CROP_X", "CROP_Y"),
    ):
        pair = (attributes.get(first, 0), attributes.get(second, 0))
        if first in attributes and second in attributes and (field == "crop_xy" or all(pair)):
            changes[field] = pair
    if "resize_size" in changes:
        changes["short_edge"] = None
    for field, key in (
        ("image_format", "IIMAGE_FORMAT"), ("resize_type", "RESIZE_TYPE"),
        ("color_cvt_code", "COLOR_CVT_CODE"), ("norma_type", "NORMA_TYPE"),
    ):  # fmt: skip
        if key in attributes:
            changes[field] = _ENUMS[key](attributes[key]).name
    if "COLOR_SPACE" in attributes:
        name = ImageColorSpace(attributes["COLOR_SPACE"]).name
        changes["color_space"] = name.removeprefix("COLOR_SPACE_")
    for field, key in (("mean", "MEAN"), ("std", "STD")):
        if key in attributes:
            changes[field] = tuple(as_float16(value) for value in _row(attributes[key]))
    if "PADDING" in attributes:
        changes["padding"] = tuple(int(value) for value in _row(attributes["PADDING"]))
    if any(key in attributes for key in _EDGES):
        changes["edges"] = tuple(attributes.get(key, 0) for key in _EDGES)
    return replace(base, **changes)


def _row(value: Value) -> list[Any]:
    return value if isinstance(value, list) else [value]
