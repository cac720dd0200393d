# SPDX-License-Identifier: Apache-2.0
"""A segmenter; the class of each pixel by a custom operator that gets addresses."""

import argparse
import ctypes
import os
import sys

sys.path.append(os.path.dirname(os.path.realpath(__file__)))
import cv2
import numpy as np
import vaststreamx as vsx
from common.base import ModelBase


class Shape(ctypes.Structure):
    _fields_ = [
        ("addr", ctypes.c_uint64),
        *((name, ctypes.c_int32) for name in ("c", "h", "w", "h_pitch", "w_pitch")),
    ]


class Config(ctypes.Structure):
    _fields_ = [("input", Shape), ("output", Shape)]


class ArgmaxOp:
    def __init__(self, elf_file, device_id):
        self.device_id = device_id
        self.op = vsx.CustomOperator(op_name="planar_argmax_op", elf_file_path=elf_file)

    def process(self, tensor):
        c, h, w = tensor.shape[-3:]
        config = Config(Shape(tensor.addr, c, h, w, h, w), Shape(0, 1, h, w, h, w))
        return self.op.run_sync(
            tensors=[tensor],
            config=bytes(config),
            output_info=[([1, 1, h, w], vsx.TypeFlag.UINT16)],
        )[0]


class Segmenter(ModelBase):
    def __init__(self, *arguments, elf_file):
        super().__init__(*arguments)
        self.argmax_op = ArgmaxOp(elf_file, self.device_id)

    def masks(self, mats):
        outputs = self.stream.run_sync([self.to_image(mat) for mat in mats])
        return [self.argmax_op.process(output[0]) for output in outputs]


parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
parser.add_argument("--vdsp_params")
parser.add_argument("--elf_file", default="/opt/vastai/vaststreamx/data/elf/planar_argmax")
parser.add_argument("--dataset_output_folder", default="masks")
parser.add_argument("files", nargs="+")
args = parser.parse_args()
segmenter = Segmenter(args.model_prefix, args.vdsp_params, 2, elf_file=args.elf_file)
os.makedirs(args.dataset_output_folder, exist_ok=True)
for path, mask in zip(args.files, segmenter.masks([cv2.imread(path) for path in args.files])):
    array = vsx.as_numpy(mask).squeeze().astype(np.uint8)
    name = os.path.splitext(os.path.basename(path))[0]
    cv2.imwrite(os.path.join(args.dataset_output_folder, f"{name}.png"), array)
    print(path, mask.shape, np.bincount(array.flatten(), minlength=4).tolist())
segmenter.finish()
