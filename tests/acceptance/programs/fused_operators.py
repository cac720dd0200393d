# SPDX-License-Identifier: Apache-2.0
"""Every fused operator against OpenCV and numpy: alone, in tiles, as a tap, before a model."""

import argparse
import json

import cv2
import numpy as np
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
args = parser.parse_args()
attr = vsx.AttrKey
HEIGHT, WIDTH, SIDE = 40, 60, 8
noise = np.random.default_rng(0).integers(0, 256, (5, 6, 3), np.uint8)
bgr = cv2.resize(noise, (WIDTH, HEIGHT))
rgb = bgr[..., ::-1].copy()
i420 = cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420).reshape(-1)
luma, u, v = np.split(i420, [HEIGHT * WIDTH, HEIGHT * WIDTH * 5 // 4])
nv12 = np.concatenate([luma, np.stack([u, v], 1).reshape(-1)]).reshape(-1, WIDTH)
MEAN = np.float16([0.485, 0.456, 0.406]).astype(np.float32)
STD = np.float16([0.229, 0.224, 0.225]).astype(np.float32)


def resize_nv12(width, height):
    parts = (
        cv2.resize(nv12[:HEIGHT], (width, height)),
        cv2.resize(nv12[HEIGHT:].reshape(HEIGHT // 2, -1, 2), (width // 2, height // 2)),
    )
    return np.concatenate([part.reshape(-1) for part in parts]).reshape(-1, width)


def inscribe_nv12():
    """8 x 5 of luma, and the chroma of 8 x 6: a row too many, for the conversion alone."""
    luma = cv2.resize(nv12[:HEIGHT], (8, 5))
    chroma = cv2.resize(nv12[HEIGHT:].reshape(HEIGHT // 2, -1, 2), (4, 3)).reshape(3, 8)
    return to_rgb(np.concatenate([luma, luma[-1:], chroma]))[:5]


def to_rgb(array):
    return cv2.cvtColor(array, cv2.COLOR_YUV2RGB_NV12)


def normalize(array):
    return ((array.astype(np.float32) / 255 - MEAN) / STD).astype(np.float16).transpose(2, 0, 1)


def pad(array, top, bottom, left, right, value):
    edges = (top, bottom, left, right)
    return cv2.copyMakeBorder(array, *edges, cv2.BORDER_CONSTANT, value=(value,) * 3)


def letterbox(array):
    # 60 x 40 into 8 x 8: 8 x 5, one row above, two below
    return pad(cv2.resize(array, (8, 5)), 1, 2, 0, 0, 114)


from_nv12 = to_rgb(nv12)
resized_nv12 = to_rgb(resize_nv12(12, 10))
crop = {"ResizeWidth": 12, "ResizeHeight": 10, "CropX": 2, "CropY": 1}
edges = {"PaddingTop": 1, "PaddingBottom": 3, "PaddingLeft": 2, "PaddingRight": 0}
CASES = {
    "RGB_RESIZE_CVTCOLOR_CROP": (crop, cv2.resize(rgb, (12, 10))[1:9, 2:10]),
    "RGB_RESIZE_CVTCOLOR": ({"IimageFormat": "RGB888"}, cv2.resize(rgb, (8, 8))),
    "RGB_CROP_RESIZE_CVTCOLOR": (
        {"IimageFormat": "BGR888", "ColorCvtCode": "BGR2RGB", "CropX": 3, "CropY": 5,
         "CropWidth": 31, "CropHeight": 21},
        cv2.resize(rgb[5:26, 3:34], (8, 8)),
    ),
    "RGB_LETTERBOX_CVTCOLOR": ({"EdgePaddingType": "CONSTANT"}, letterbox(rgb)),
    "RGB_LETTERBOX_CVTCOLOR_EXT": (
        {"ResizeWidth": 6, "ResizeHeight": 4, **edges, "Padding": [127, 127, 127]},
        pad(cv2.resize(rgb, (6, 4)), 1, 3, 2, 0, 127),
    ),
    "YUV_NV12_RESIZE_2RGB": ({}, to_rgb(resize_nv12(8, 8))),
    "YUV_NV12_CVTCOLOR_RESIZE": ({}, cv2.resize(from_nv12, (8, 8))),
    "YUV_NV12_RESIZE_CVTCOLOR_CROP": (crop, resized_nv12[1:9, 2:10]),
    "YUV_NV12_CROP_CVTCOLOR_RESIZE": (
        {"CropX": 4, "CropY": 6, "CropWidth": 30, "CropHeight": 20},
        cv2.resize(from_nv12[6:26, 4:34], (8, 8)),
    ),
    "YUV_NV12_CVTCOLOR_RESIZE_CROP": (crop, cv2.resize(from_nv12, (12, 10))[1:9, 2:10]),
    "YUV_NV12_CVTCOLOR_LETTERBOX": ({}, letterbox(from_nv12)),
    "YUV_NV12_LETTERBOX_2RGB": ({}, pad(inscribe_nv12(), 1, 2, 0, 0, 114)),
}  # fmt: skip


def write(short, config):
    is_nv12 = short.startswith("YUV")
    end = "_EXT" if short.endswith("_EXT") else ""
    name = f"FUSION_OP_{short.removesuffix('_EXT')}_NORM_TENSOR{end}"
    whole = {
        "ResizeType": "BILINEAR_CV", "NormaType": "DIV255_MINUSMEAN_DIVSTD",
        "Mean": [float(value) for value in MEAN], "Std": [float(value) for value in STD],
    }  # fmt: skip
    if "CVTCOLOR" in short:
        whole["ColorCvtCode"] = "YUV2RGB_NV12" if is_nv12 else "NO_CHANGE"
    if not is_nv12:
        whole["IimageFormat"] = "RGB_PLANAR"
    with open("fused.json", "w") as file:
        json.dump({"OpType": name, "OpConfig": {**whole, **config}}, file)


ARRAYS = {
    vsx.ImageFormat.RGB_PLANAR: rgb.transpose(2, 0, 1),
    vsx.ImageFormat.RGB_INTERLEAVE: rgb,
    vsx.ImageFormat.BGR_INTERLEAVE: bgr,
    vsx.ImageFormat.YUV_NV12: nv12,
}
FORMATS = {5000: vsx.ImageFormat.RGB_PLANAR, 5002: vsx.ImageFormat.RGB_INTERLEAVE,
           5003: vsx.ImageFormat.BGR_INTERLEAVE}  # fmt: skip


def image_for(op):
    image_format = vsx.ImageFormat.YUV_NV12
    if "IIMAGE_FORMAT" in op.attributes.keys():
        image_format = FORMATS[op.get_attribute(attr.IIMAGE_FORMAT)]
    return vsx.create_image(ARRAYS[image_format], image_format, WIDTH, HEIGHT, 0)


def untiled(tiles):
    planes = [tiles[0, 0, 0, 0, c * 64 : (c + 1) * 64] for c in range(3)]
    return np.stack([plane.reshape(SIDE, SIDE) for plane in planes])


vsx.set_device(0)
model_op = vsx.ModelOperator(vsx.Model(args.model_prefix, 1))
shape = [(3, SIDE, SIDE), vsx.TypeFlag.FLOAT16]
for short, (config, expected) in CASES.items():
    write(short, config)
    ops = vsx.Operator.load_ops_from_json_file("fused.json")
    fused = ops[0].cast_to_buildin_operator()
    assert fused.op_type >= vsx.OpType.FUSION_OP_YUV_NV12_RESIZE_2RGB_NORM_TENSOR >= 100
    graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST)
    graph.add_operators(*ops, model_op)
    stream = vsx.Stream(graph, vsx.StreamBalanceMode.RUN)
    stream.register_operator_output("preprocess", ops[0], [shape])
    stream.register_operator_output(model_op)
    stream.build()
    image = image_for(fused)
    through_model = vsx.as_numpy(stream.run_sync([image])[0][0])[0]
    stream.run_async([image])
    tap = vsx.as_numpy(stream.get_operator_output("preprocess")[0][0])
    (alone,) = fused.execute(tensors=[image], output_info=[tuple(shape)])
    tiles = fused.execute(tensors=[image], output_info=[((1, 1, 1, 1, 256), vsx.TypeFlag.FLOAT16)])
    stream.close_input()
    stream.wait_until_done()
    same = all(
        np.array_equal(tap, other)
        for other in (through_model, vsx.as_numpy(alone), untiled(vsx.as_numpy(tiles[0])))
    )
    known = "right" if np.array_equal(tap, normalize(expected)) else "WRONG"
    print(short, tap.dtype, "same" if same else "DIFFERENT", known)
