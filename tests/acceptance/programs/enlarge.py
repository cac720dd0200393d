# SPDX-License-Identifier: Apache-2.0
"""Super-resolution: one plane in, one larger plane out, pixels made by a custom operator."""

import argparse
import ctypes
import os
import sys

sys.path.append(os.path.dirname(os.path.realpath(__file__)))
import cv2
import numpy as np
import vaststreamx as vsx
from common.base import ModelBase


class Config(ctypes.Structure):
    _fields_ = [
        ("width", ctypes.c_uint32),
        ("height", ctypes.c_uint32),
        ("type", ctypes.c_int32),
        ("threshold", ctypes.c_float),
        ("scale", ctypes.c_int32),
        ("coef", ctypes.c_float),
        ("base", ctypes.c_float),
    ]


class Enlarger(ModelBase):
    mean, std, scale = 0.0, 1.0, 255

    def __init__(self, *arguments, elf_file):
        super().__init__(*arguments)
        self.op = vsx.CustomOperator(op_name="custom_op_tensor2image", elf_file_path=elf_file)

    def enlarge(self, mat):
        tensor = self.stream.run_sync([self.to_image(mat)])[0][0]
        c, h, w = tensor.shape[-3:]
        self.op.set_config(
            config_bytes=bytes(Config(w, h * c, 0, 0.5, self.scale, self.std, self.mean)),
            config_size=ctypes.sizeof(Config),
        )
        self.op.set_callback_info([(1, h * c, w)], [(1, h * c, w)])
        return self.op.execute(tensors=[tensor], output_info=[((1, c, h, w), vsx.TypeFlag.UINT8)])[
            0
        ]


parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
parser.add_argument("--vdsp_params")
parser.add_argument("--elf_file", default="tensor2image")
parser.add_argument("file")
args = parser.parse_args()
enlarger = Enlarger(args.model_prefix, args.vdsp_params, 1, elf_file=args.elf_file)
planes = vsx.as_numpy(enlarger.enlarge(cv2.imread(args.file))).squeeze(0)
cv2.imwrite("large.png", np.ascontiguousarray(planes.transpose(1, 2, 0)[..., ::-1]))
print(planes.shape, planes.dtype)
enlarger.finish()
