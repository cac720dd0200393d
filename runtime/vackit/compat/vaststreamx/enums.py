# SPDX-License-Identifier: Apache-2.0
"""The enumerations of ``vaststreamx``, by their published names.

Numbers marked "guess" are in no published file: they only have to differ.
"""

from enum import IntEnum


class PublishedEnum(IntEnum):
    """An enumeration of integers that prints as ``ImageFormat.RGB_PLANAR``."""

    def __str__(self) -> str:
        return f"{type(self).__name__}.{self.name}"

    def __format__(self, spec: str) -> str:
        return format(int(self), spec) if spec.endswith(("d", "x")) else format(str(self), spec)


class ImageFormat(PublishedEnum):
    """How an image lies in memory (numbers: guess)."""

    YUV_NV12 = 0
    RGB_PLANAR = 1
    BGR_PLANAR = 2
    RGB_INTERLEAVE = 3
    BGR_INTERLEAVE = 4
    GRAY = 5


class ImageType(PublishedEnum):
    """The same as the attributes of operators number it."""

    YUV_NV12 = 0
    RGB_PLANAR = 5000
    BGR_PLANAR = 5001
    RGB888 = 5002
    BGR888 = 5003
    GRAY = 5004


class TypeFlag(PublishedEnum):
    """Element types (numbers: guess)."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT16 = 6
    FLOAT32 = 7
    BFLOAT16 = 8
    ANY = 9


class GraphOutputType(PublishedEnum):
    """Where outputs lie and how (numbers: guess)."""

    GRAPH_OUTPUT_TYPE_NCHW_DEVICE = 0
    GRAPH_OUTPUT_TYPE_NCHW_HOST = 1
    GRAPH_OUTPUT_TYPE_884_DEVICE = 2


class StreamBalanceMode(PublishedEnum):
    """How a card spreads the work; the emulator treats both alike."""

    ONCE = 0
    RUN = 1


class ImageResizeType(PublishedEnum):
    """Resize methods (all numbers but BILINEAR_CV: guess)."""

    NEAREST = 0
    BILINEAR_CV = 1
    BILINEAR = 2
    BILINEAR_PILLOW = 3
    BICUBIC_PILLOW = 4


class ImagePaddingType(PublishedEnum):
    """What fills a border."""

    PADDING_TYPE_CONSTANT = 0


class ImageFlipType(PublishedEnum):
    """The axis that an image is turned around (X: top and bottom change places)."""

    FLIP_TYPE_X_AXIS = 0
    FLIP_TYPE_Y_AXIS = 1


class ImageWarpAffineMode(PublishedEnum):
    """How a warp samples."""

    WARP_AFFINE_MODE_NEAREST = 0
    WARP_AFFINE_MODE_BILINEAR = 1


class ImageColorSpace(PublishedEnum):
    """The matrix between YUV and RGB."""

    COLOR_SPACE_BT709 = 0
    COLOR_SPACE_BT601 = 1


class ColorCvtCode(PublishedEnum):
    """Color conversions (RGB2BGR's number: guess)."""

    YUV2RGB_NV12 = 0
    YUV2BGR_NV12 = 1
    NO_CHANGE = 2
    BGR2RGB = 3
    BGR2RGB_INTERLEAVE2PLANAR = 4
    RGB2BGR_INTERLEAVE2PLANAR = 5
    BGR2BGR_INTERLEAVE2PLANAR = 6
    RGB2RGB_INTERLEAVE2PLANAR = 7
    YUV2GRAY_NV12 = 8
    BGR2GRAY_INTERLEAVE = 9
    BGR2GRAY_PLANAR = 10
    RGB2GRAY_INTERLEAVE = 11
    RGB2GRAY_PLANAR = 12
    RGB2YUV_NV12_PLANAR = 13
    BGR2YUV_NV12_PLANAR = 14
    RGB2BGR = 15


class NormaType(PublishedEnum):
    """Normalizations, as the 2023 vdsp params number them (EQUAL, DIV1275_MINUSONE: guess)."""

    EQUAL = 2
    MINUSMEAN_DIVSTD = 3
    DIV255_MINUSMEAN_DIVSTD = 4
    DIV1275_MINUSONE = 5
    DIV255 = 6


class OpType(PublishedEnum):
    """Operators: from 100 on the fused ones (all other numbers: guess)."""

    SINGLE_OP_RESIZE = 0
    SINGLE_OP_CROP = 1
    SINGLE_OP_CVT_COLOR = 2
    SINGLE_OP_BATCH_CROP_RESIZE = 3
    SINGLE_OP_SCALE = 4
    SINGLE_OP_FLIP = 5
    SINGLE_OP_WARP_AFFINE = 6
    SINGLE_OP_COPY_MAKE_BORDER = 7
    BERT_EMBEDDING_OP = 90
    CUSTOM_OP = 91
    MODEL_OP = 92
    FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR = 100
    FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_NORM_TENSOR = 101
    FUSION_OP_YUV_NV12_RESIZE_CVTCOLOR_CROP_NORM_TENSOR = 102
    FUSION_OP_YUV_NV12_CROP_CVTCOLOR_RESIZE_NORM_TENSOR = 103
    FUSION_OP_YUV_NV12_CVTCOLOR_RESIZE_CROP_NORM_TENSOR = 104
    FUSION_OP_YUV_NV12_CVTCOLOR_LETTERBOX_NORM_TENSOR = 105
    FUSION_OP_YUV_NV12_LETTERBOX_2RGB_NORM_TENSOR = 106
    FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR = 107
    FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR = 108
    FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR = 109
    FUSION_OP_RGB_CROP_RESIZE_CVTCOLOR_NORM_TENSOR = 110
    FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR = 111
    FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR_EXT = 112


class AttrKey(PublishedEnum):
    """Attributes of operators: the keys of vdsp params in upper case (numbers: guess)."""

    IIMAGE_FORMAT = 0
    IIMAGE_WIDTH = 1
    IIMAGE_HEIGHT = 2
    IIMAGE_WIDTH_PITCH = 3
    IIMAGE_HEIGHT_PITCH = 4
    OIMAGE_FORMAT = 5
    OIMAGE_WIDTH = 6
    OIMAGE_HEIGHT = 7
    OIMAGE_WIDTH_PITCH = 8
    OIMAGE_HEIGHT_PITCH = 9
    OIMAGE_CNT = 10
    RESIZE_WIDTH = 11
    RESIZE_HEIGHT = 12
    RESIZE_TYPE = 13
    CROP_X = 14
    CROP_Y = 15
    CROP_WIDTH = 16
    CROP_HEIGHT = 17
    CROP_NUM = 18
    COLOR_CVT_CODE = 19
    COLOR_SPACE = 20
    NORMA_TYPE = 21
    MEAN = 22
    STD = 23
    SCALE = 24
    PADDING = 25
    PADDING_LEFT = 26
    PADDING_RIGHT = 27
    PADDING_TOP = 28
    PADDING_BOTTOM = 29
    EDGE_LEFT = 30
    EDGE_RIGHT = 31
    EDGE_TOP = 32
    EDGE_BOTTOM = 33
    EDGE_PADDING_TYPE = 34
    DIRECTION = 35
    M = 36
    FLAGS = 37
    BORDER_MODE = 38
    BORDER_VALUE = 39
    TENSOR_TYPE0 = 40


class CodecType(PublishedEnum):
    """Video and picture codecs (numbers: guess); HEVC and H265 are one."""

    CODEC_TYPE_H264 = 0
    CODEC_TYPE_H265 = 1
    CODEC_TYPE_HEVC = 1
    CODEC_TYPE_AV1 = 2
    CODEC_TYPE_JPEG = 3


class CaptureMode(PublishedEnum):
    """How a video is read (numbers: guess)."""

    FULLSPEED_MODE = 0
    REALTIME_MODE = 1
