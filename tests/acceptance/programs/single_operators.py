# SPDX-License-Identifier: Apache-2.0
"""Every single operator, and custom operators, without a model."""

import argparse
import ctypes

import cv2
import numpy as np
import vaststreamx as vsx

attr = vsx.AttrKey
parser = argparse.ArgumentParser()
parser.add_argument("--image")
args = parser.parse_args()
vsx.set_device(0)
mat = cv2.imread(args.image)
height, width = mat.shape[:2]
bgr = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, width, height, 0)
nv12 = vsx.cvtcolor(bgr, vsx.ImageFormat.YUV_NV12)
NV12, BGR = vsx.ImageFormat.YUV_NV12, vsx.ImageFormat.BGR_INTERLEAVE


def run(name, image, output_info, attributes):
    op = vsx.BuildInOperator(getattr(vsx.OpType, f"SINGLE_OP_{name}"))
    assert op.op_type < 100
    op.set_attribute(
        {
            attr.IIMAGE_WIDTH: image.width,
            attr.IIMAGE_HEIGHT: image.height,
            attr.IIMAGE_WIDTH_PITCH: image.width,
            attr.IIMAGE_HEIGHT_PITCH: image.height,
            **attributes,
        }
    )
    made = op.execute(images=[image], output_info=output_info)
    count = f" x {len(made)}" if len(made) > 1 else ""
    print(f"{name} {made[0].format} {made[0].width} {made[0].height}{count}")


nv12_type = {attr.IIMAGE_FORMAT: vsx.ImageType.YUV_NV12}
run(
    "RESIZE",
    nv12,
    [(NV12, 48, 36)],
    {
        **nv12_type,
        attr.OIMAGE_WIDTH: 48,
        attr.OIMAGE_HEIGHT: 36,
        attr.RESIZE_TYPE: vsx.ImageResizeType.BILINEAR,
    },
)
run(
    "CROP",
    nv12,
    [(NV12, 32, 16)],
    {
        **nv12_type,
        attr.CROP_X: 4,
        attr.CROP_Y: 2,
        attr.OIMAGE_WIDTH: 32,
        attr.OIMAGE_HEIGHT: 16,
    },
)
run(
    "CVT_COLOR",
    nv12,
    [(vsx.ImageFormat.RGB_PLANAR, width, height)],
    {
        attr.COLOR_CVT_CODE: vsx.ColorCvtCode.YUV2RGB_NV12,
        attr.COLOR_SPACE: vsx.ImageColorSpace.COLOR_SPACE_BT601,
    },
)
run(
    "BATCH_CROP_RESIZE",
    nv12,
    [(NV12, 24, 24)] * 2,
    {
        **nv12_type,
        attr.CROP_NUM: 2,
        attr.CROP_X: [0, 10],
        attr.CROP_Y: [0, 20],
        attr.CROP_WIDTH: [30, 40],
        attr.CROP_HEIGHT: [30, 40],
    },
)
run(
    "SCALE",
    nv12,
    [(NV12, 48, 36), (NV12, 24, 18)],
    {
        attr.OIMAGE_CNT: 2,
        attr.OIMAGE_WIDTH: [48, 24],
        attr.OIMAGE_HEIGHT: [36, 18],
    },
)
run(
    "FLIP",
    nv12,
    [(NV12, width, height)],
    {
        **nv12_type,
        attr.DIRECTION: vsx.ImageFlipType.FLIP_TYPE_X_AXIS,
    },
)
run(
    "WARP_AFFINE",
    bgr,
    [(BGR, width, height)],
    {
        attr.IIMAGE_FORMAT: vsx.ImageType.BGR888,
        attr.M: [1, 0, 5, 0, 1, 3],
        attr.FLAGS: vsx.ImageWarpAffineMode.WARP_AFFINE_MODE_NEAREST,
        attr.BORDER_MODE: vsx.ImagePaddingType.PADDING_TYPE_CONSTANT,
        attr.BORDER_VALUE: [0, 0, 0],
    },
)
run(
    "COPY_MAKE_BORDER",
    bgr,
    [(BGR, 64, 64)],
    {
        attr.IIMAGE_FORMAT: vsx.ImageType.BGR888,
        attr.EDGE_TOP: 8,
        attr.EDGE_BOTTOM: 8,
        attr.EDGE_LEFT: 0,
        attr.EDGE_RIGHT: 0,
        attr.PADDING: [114, 114, 114],
    },
)


class Shape(ctypes.Structure):
    _fields_ = [("addr", ctypes.c_uint64)] + [
        (name, ctypes.c_int32) for name in ("c", "h", "w", "h_pitch", "w_pitch")
    ]


class Config(ctypes.Structure):
    _fields_ = [("input", Shape), ("output", Shape)]


scores = np.random.default_rng(0).standard_normal((4, 6, 8)).astype(np.float16)
given = vsx.from_numpy(scores, 0)
out = vsx.from_numpy(np.zeros((1, 1, 6, 8), np.uint16), 0)
config = Config(Shape(given.addr, 4, 6, 8, 6, 8), Shape(out.addr, 1, 6, 8, 6, 8))
op = vsx.CustomOperator(op_name="planar_argmax_op", elf_file_path="/opt/elf/planar_argmax")
(made,) = op.run_sync(
    tensors=[given], config=bytes(config), output_info=[((1, 1, 6, 8), vsx.TypeFlag.UINT16)]
)
print("argmax", np.array_equal(vsx.as_numpy(made).squeeze(), scores.argmax(0)))
encoder = vsx.JpegEncoder()
encoder.stop_send_image()
try:
    encoder.recv_data()
except ValueError:
    print("end of data")
