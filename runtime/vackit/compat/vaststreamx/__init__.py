# SPDX-License-Identifier: Apache-2.0
"""The published ``vaststreamx`` interface; `runstream` lets programs import it by that name.

A thin face: streams run on `vackit.stream`, pictures on `vackit.vdsp`, models on
`vackit.devices`.
"""

from vackit._version import __version__ as __version__
from vackit.compat.vaststreamx.card import Card, Die, get_all_cards, get_all_cards_count
from vackit.compat.vaststreamx.codec import FrameAttr, JpegDecoder, JpegEncoder
from vackit.compat.vaststreamx.context import Context, DeviceType, set_device
from vackit.compat.vaststreamx.custom_operator import CustomOperator
from vackit.compat.vaststreamx.enums import (
    AttrKey,
    CaptureMode,
    CodecType,
    ColorCvtCode,
    GraphOutputType,
    ImageColorSpace,
    ImageFlipType,
    ImageFormat,
    ImagePaddingType,
    ImageResizeType,
    ImageType,
    ImageWarpAffineMode,
    NormaType,
    OpType,
    StreamBalanceMode,
    TypeFlag,
)
from vackit.compat.vaststreamx.functions import (
    batch_crop_resize,
    crop,
    cvtcolor,
    resize,
    resize_copy_make_border,
    scale,
    warpaffine,
    yuvflip,
)
from vackit.compat.vaststreamx.graph import Graph
from vackit.compat.vaststreamx.image import Image, create_image
from vackit.compat.vaststreamx.model import Model
from vackit.compat.vaststreamx.operators import BuildInOperator, ModelOperator, Operator
from vackit.compat.vaststreamx.stream import Stream
from vackit.compat.vaststreamx.tensor import Tensor, as_numpy, from_numpy
from vackit.compat.vaststreamx.video import (
    MediaSource,
    VideoCapture,
    VideoDecoder,
    VideoWriter,
)
from vackit.compat.vaststreamx.video_encoder import VideoEncoder

# programs name codecs without their enumeration too
CODEC_TYPE_H264 = CodecType.CODEC_TYPE_H264
CODEC_TYPE_H265 = CodecType.CODEC_TYPE_H265
CODEC_TYPE_HEVC = CodecType.CODEC_TYPE_HEVC
CODEC_TYPE_AV1 = CodecType.CODEC_TYPE_AV1
CODEC_TYPE_JPEG = CodecType.CODEC_TYPE_JPEG

__all__ = [
    "CODEC_TYPE_AV1",
    "CODEC_TYPE_H264",
    "CODEC_TYPE_H265",
    "CODEC_TYPE_HEVC",
    "CODEC_TYPE_JPEG",
    "AttrKey",
    "BuildInOperator",
    "CaptureMode",
    "Card",
    "CodecType",
    "ColorCvtCode",
    "Context",
    "CustomOperator",
    "DeviceType",
    "Die",
    "FrameAttr",
    "Graph",
    "GraphOutputType",
    "Image",
    "ImageColorSpace",
    "ImageFlipType",
    "ImageFormat",
    "ImagePaddingType",
    "ImageResizeType",
    "ImageType",
    "ImageWarpAffineMode",
    "JpegDecoder",
    "JpegEncoder",
    "MediaSource",
    "Model",
    "ModelOperator",
    "NormaType",
    "OpType",
    "Operator",
    "Stream",
    "StreamBalanceMode",
    "Tensor",
    "TypeFlag",
    "VideoCapture",
    "VideoDecoder",
    "VideoEncoder",
    "VideoWriter",
    "as_numpy",
    "batch_crop_resize",
    "create_image",
    "crop",
    "cvtcolor",
    "from_numpy",
    "get_all_cards",
    "get_all_cards_count",
    "resize",
    "resize_copy_make_border",
    "scale",
    "set_device",
    "warpaffine",
    "yuvflip",
]
