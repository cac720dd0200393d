# SPDX-License-Identifier: Apache-2.0
"""Run single operators and fused ones by themselves: ``BuildInOperator.execute``."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx import pictures
from vackit.compat.vaststreamx.attributes import FORMAT_OF_TYPE
from vackit.compat.vaststreamx.enums import (
    ColorCvtCode,
    ImageColorSpace,
    ImageFormat,
    ImageType,
    OpType,
)
from vackit.compat.vaststreamx.image import Image, image_of
from vackit.compat.vaststreamx.op_state import OpState
from vackit.compat.vaststreamx.tensor import DTYPES, Tensor
from vackit.errors import StreamError
from vackit.stream.recorder import span
from vackit.vdsp.color import convert_picture
from vackit.vdsp.fusion import FusionOperator
from vackit.vdsp.geometry import Size
from vackit.vdsp.layout884 import tile_activation
from vackit.vdsp.nv12 import Nv12
from vackit.vdsp.picture import Planes

Result = tuple[ImageFormat, Size]


@dataclass(frozen=True)
class _Call:
    """One execution on an image: attributes, and the format and size of each result."""

    state: OpState
    image: Image
    results: list[Result]

    @property
    def picture(self) -> Planes | Nv12:
        return self.image.picture

    @property
    def size(self) -> Size:
        return self.results[0][1]

    def number(self, key: str, index: int = 0) -> int:
        value = self.state.attributes.get(key, 0)
        if not isinstance(value, list):
            return int(value)  # the same for all results
        if index >= len(value):
            raise StreamError(f"attribute {key} has {len(value)} entries, {index + 1} are needed")
        return int(value[index])

    def row(self, key: str) -> list[Any]:
        value = self.state.attributes.get(key, 0)
        return value if isinstance(value, list) else [value]

    @property
    def method(self) -> Any:
        return pictures.resize_type(self.number("RESIZE_TYPE"))


def execute(state: OpState, inputs: Sequence[Any], output_info: Sequence[Any] | None) -> list[Any]:
    """Run an operator on one image.

    Args:
        state: The operator.
        inputs: One image (fused operators: or its tensor).
        output_info: Per result (format, width, height); (shape, type) of a fused operator's
            tensor; where it is left out, the attributes say format and size.

    Raises:
        StreamError: The operator cannot run alone, or what it is given does not fit.
        DataError: The numbers do not fit the image.
    """
    if len(inputs) != 1:
        raise StreamError(f"{state.op_type} takes one image, got {len(inputs)}")
    with span(state.op_type.name):
        if state.op_type >= OpType.FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR:
            return [_fused(state, inputs[0], output_info)]
        run = _SINGLE.get(state.op_type)
        if run is None or not isinstance(inputs[0], Image):
            raise StreamError(f"{state.op_type} does not run on {type(inputs[0]).__name__} alone")
        call = _Call(state, inputs[0], _results(state, inputs[0], output_info))
        return run(call)


def _results(state: OpState, image: Image, info: Sequence[Any] | None) -> list[Result]:
    if info:
        return [_result(entry) for entry in info]
    attributes = state.attributes
    entries = attributes.get("OIMAGE_CNT") or attributes.get("CROP_NUM") or 1
    code = attributes.get("OIMAGE_FORMAT")
    if code is None and state.op_type is OpType.SINGLE_OP_CVT_COLOR:
        raise StreamError(
            f"{state.op_type} does not tell what it makes an image of {image.format.name} to",
            hint="pass output_info: [(ImageFormat, width, height)]",
        )
    image_format = image.format if code is None else FORMAT_OF_TYPE[ImageType(code)]
    return [
        (image_format, _attribute_size(attributes, image, index)) for index in range(int(entries))
    ]


def _attribute_size(attributes: dict[str, Any], image: Image, index: int) -> Size:
    sides = []
    for key, own in (("OIMAGE_HEIGHT", image.height), ("OIMAGE_WIDTH", image.width)):
        value = attributes.get(key, 0)
        sides.append(int(value[index] if isinstance(value, list) else value) or own)
    return sides[0], sides[1]


def _result(entry: Any) -> Result:
    try:
        image_format, width, height = entry
        return ImageFormat(image_format), (int(height), int(width))
    except (TypeError, ValueError) as error:
        raise StreamError(
            f"output info is {entry!r}, expected (ImageFormat, width, height)"
        ) from error


def _images(call: _Call, made: Sequence[Planes | Nv12]) -> list[Image]:
    if len(made) != len(call.results):
        raise StreamError(
            f"{call.state.op_type} makes {len(made)} images, output info describes "
            f"{len(call.results)}"
        )
    return [
        image_of(_fitting(call, picture, result), result[0], call.image.device_id)
        for picture, result in zip(made, call.results, strict=True)
    ]


def _fitting(call: _Call, picture: Planes | Nv12, result: Result) -> Planes | Nv12:
    if picture.size != result[1]:
        raise StreamError(
            f"{call.state.op_type} makes an image of {picture.size[1]}x{picture.size[0]}, "
            f"output info says {result[1][1]}x{result[1][0]}"
        )
    return picture


def _resize(call: _Call) -> list[Image]:
    return _images(call, [call.picture.resized(call.size, call.method)])


def _crop(call: _Call) -> list[Image]:
    height, width = call.size
    box = (call.number("CROP_X"), call.number("CROP_Y"), width, height)
    return _images(call, [pictures.cut(call.picture, box)])


def _cvt_color(call: _Call) -> list[Image]:
    code = ColorCvtCode(call.number("COLOR_CVT_CODE"))
    space = ImageColorSpace(call.number("COLOR_SPACE"))
    made = convert_picture(call.picture, code.name, pictures.color_space(space))
    return _images(call, [made])


def _batch_crop_resize(call: _Call) -> list[Image]:
    made = []
    for index, (_, size) in enumerate(call.results):
        box = [call.number(f"CROP_{name}", index) for name in ("X", "Y", "WIDTH", "HEIGHT")]
        made.append(pictures.cut(call.picture, box).resized(size, call.method))
    return _images(call, made)


def _scale(call: _Call) -> list[Image]:
    return _images(call, [call.picture.resized(size, call.method) for _, size in call.results])


def _flip(call: _Call) -> list[Image]:
    return _images(call, [pictures.flipped(call.picture, call.number("DIRECTION"))])


def _warp_affine(call: _Call) -> list[Image]:
    made = pictures.warped(
        call.picture, call.row("M"), call.number("FLAGS"), call.row("BORDER_VALUE"), call.size
    )
    return _images(call, [made])


def _copy_make_border(call: _Call) -> list[Image]:
    top, bottom, left, right = (
        call.number(f"EDGE_{side}") for side in ("TOP", "BOTTOM", "LEFT", "RIGHT")
    )
    edges = (top, bottom, left, right)
    return _images(
        call, [pictures.bordered(call.picture, call.size, edges, call.row("PADDING"), call.method)]
    )


_SINGLE: dict[OpType, Callable[[_Call], list[Image]]] = {
    OpType.SINGLE_OP_RESIZE: _resize,
    OpType.SINGLE_OP_CROP: _crop,
    OpType.SINGLE_OP_CVT_COLOR: _cvt_color,
    OpType.SINGLE_OP_BATCH_CROP_RESIZE: _batch_crop_resize,
    OpType.SINGLE_OP_SCALE: _scale,
    OpType.SINGLE_OP_FLIP: _flip,
    OpType.SINGLE_OP_WARP_AFFINE: _warp_affine,
    OpType.SINGLE_OP_COPY_MAKE_BORDER: _copy_make_border,
}


def _fused(state: OpState, given: Image | Tensor, info: Sequence[Any] | None) -> Tensor:
    image = state.image_array(given)
    shape, dtype = _tensor_info(info)
    # the size of the result, where no attribute gives it: of tiles or of a plain (C, H, W)
    size = (shape[2] * 8, shape[1] * 8) if len(shape) == 5 else tuple(shape[-2:])
    array = FusionOperator(state.params, (size[0], size[1]) if len(size) == 2 else None)(image)
    array = array.astype(dtype)
    if len(shape) == 5:
        tiles = tile_activation(array)
        return Tensor(_shaped(tiles, shape), given.device_id, plain=(array,))
    return Tensor(_shaped(array, shape) if shape else array, given.device_id)


def _tensor_info(info: Sequence[Any] | None) -> tuple[tuple[int, ...], np.dtype[Any]]:
    if not info:
        return (), np.dtype(np.float16)
    try:
        shape, flag = info[0]
        return tuple(int(size) for size in shape), np.dtype(DTYPES[flag])
    except (TypeError, ValueError, KeyError) as error:
        raise StreamError(f"output info is {info[0]!r}, expected (shape, TypeFlag)") from error


def _shaped(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    if array.size != np.prod(shape, dtype=int):
        raise StreamError(f"the operator makes {array.shape}, output info says {shape}")
    return array.reshape(shape)
