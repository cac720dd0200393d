# SPDX-License-Identifier: Apache-2.0
"""Every image function, without a model."""

import argparse

import cv2
import numpy as np
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("--image")
parser.add_argument("-d", "--device_id", default=0, type=int)
args = parser.parse_args()
assert vsx.set_device(args.device_id) == 0

mat = cv2.imread(args.image)
height, width = mat.shape[:2]
image = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, width, height, args.device_id)
array = vsx.as_numpy(image)
array[0][0][:] = 0
print(f"created: {image.width} x {image.height} {image.format} {array.shape}")

nv12 = vsx.cvtcolor(image, vsx.ImageFormat.YUV_NV12, vsx.ImageColorSpace.COLOR_SPACE_BT601)
planar = vsx.cvtcolor(nv12, vsx.ImageFormat.RGB_PLANAR, vsx.ImageColorSpace.COLOR_SPACE_BT709)
gray = vsx.cvtcolor(image, vsx.ImageFormat.GRAY)
r, g, b = vsx.as_numpy(planar)
assert vsx.as_numpy(gray).squeeze().shape == r.shape
print("cvtcolor:", nv12.format, planar.format, gray.format)

made = vsx.resize(nv12, vsx.ImageResizeType.BILINEAR_CV, width // 2, height // 2)
print(f"resize: {made.width} x {made.height}")
made = vsx.crop(planar, (8, 6, 20, 10))
print(f"crop: {made.width} x {made.height}")
made = vsx.resize_copy_make_border(
    image=image,
    resize_type=vsx.ImageResizeType.BILINEAR_CV,
    resize_width=120,
    resize_height=100,
    padding_type=vsx.ImagePaddingType.PADDING_TYPE_CONSTANT,
    padding_values=[114, 114, 114],
    padding_edges=[14, 14, 12, 12],
)
print(f"border: {made.width} x {made.height}")
made = vsx.warpaffine(
    image=image,
    matrix=[[1.0, 0.2, 3.0], [0.1, 1.0, 2.0]],
    mode=vsx.ImageWarpAffineMode.WARP_AFFINE_MODE_BILINEAR,
    border_mode=vsx.ImagePaddingType.PADDING_TYPE_CONSTANT,
)
print(f"warpaffine: {made.width} x {made.height}")
made = vsx.yuvflip(nv12, vsx.ImageFlipType.FLIP_TYPE_Y_AXIS)
print(f"flip: {made.width} x {made.height}")
sizes = [(width // 2, height // 2), (width // 4, height // 4)]
many = vsx.scale(nv12, vsx.ImageResizeType.BILINEAR_CV, sizes)
print("scale:", ", ".join(f"{one.width} x {one.height}" for one in many))
boxes = [[0, 0, 20, 20], [10, 10, 32, 40]]
many = vsx.batch_crop_resize(
    image, boxes, vsx.ImageResizeType.BILINEAR_CV, resize_width=16, resize_height=16
)
print(f"batch: {len(many)} of {many[0].width} x {many[0].height}")

tensor = vsx.from_numpy(np.zeros((1, 1, 4, 8), np.float16), args.device_id)
vsx.as_numpy(tensor)[...] = 1
print("tensor:", tensor.shape, tensor.size)

encoder, decoder = vsx.JpegEncoder(), vsx.JpegDecoder()
encoder.send_image(nv12)
encoder.stop_send_image()
decoder.send_data(encoder.recv_data())
decoder.stop_send_data()
image = decoder.recv_image()
try:
    decoder.recv_image()
except ValueError:
    pitch = f"{image.widthpitch} x {image.heightpitch}"
    print(f"jpeg: {image.width} x {image.height} pitch {pitch}")
card = vsx.get_all_cards()[0]
print("cards:", vsx.get_all_cards_count(), card.card_type, card.dies[0].device_id)
