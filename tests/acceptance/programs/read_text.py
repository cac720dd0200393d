# SPDX-License-Identifier: Apache-2.0
"""Find text, cut it out, recognize it: a detector's map, contours, and rows of characters."""

import argparse
import os
import struct
import sys
import threading

sys.path.append(os.path.dirname(os.path.realpath(__file__)))
import cv2
import numpy as np
import vaststreamx as vsx
from common.base import ModelBase

MAX_CONTOURS = 20


class TextDetector(ModelBase):
    """Asynchronous: who submits does not wait, a thread of its own takes the outputs."""

    def __init__(self, *arguments, elf_file):
        super().__init__(*arguments)
        self.contours_op = vsx.CustomOperator(op_name="find_contours", elf_file_path=elf_file)
        self.results = []
        self.thread = threading.Thread(target=self.receive)
        self.thread.start()

    def receive(self):
        vsx.set_device(self.device_id)
        while True:
            try:
                result = self.stream.get_operator_output(self.model_op)
                if result is not None:
                    self.results.append(self.boxes(result[0][0]))
            except ValueError:
                break

    def boxes(self, tensor):
        height, width = tensor.shape[-2:]
        points, contours, number, _ = self.contours_op.run_sync(
            tensors=[tensor],
            config=struct.pack("<3if", width, height, width, 0.3),
            output_info=[
                ((height * width * 2,), vsx.TypeFlag.INT16),
                ((MAX_CONTOURS, 5), vsx.TypeFlag.UINT32),
                ((1,), vsx.TypeFlag.UINT32),
                ((height * width,), vsx.TypeFlag.UINT8),
            ],
        )
        points, contours = vsx.as_numpy(points).reshape(-1, 2), vsx.as_numpy(contours)
        start, found = 0, []
        for i in range(int(vsx.as_numpy(number)[0])):
            count = int(contours[i, 4])
            found.append(cv2.boundingRect(points[start : start + count].astype(np.int32)))
            start += count
        return sorted(found)

    def run(self, mats):
        for mat in mats:
            self.stream.run_async([self.to_image(mat)])
        self.stream.close_input()
        self.thread.join()
        self.stream.wait_until_done()
        return self.results


class TextRecognizer(ModelBase):
    def __init__(self, prefix, vdsp_params, characters):
        super().__init__(prefix, vdsp_params)
        self.characters = characters

    def read(self, mat):
        height, width = self.model.input_shape[0][-2:]
        resized = min(width, int(np.ceil(height * mat.shape[1] / mat.shape[0])))
        params = {"rgb_letterbox_ext": [(resized, height, 0, 0, 0, width - resized)]}
        output = self.stream.run_sync([self.to_image(mat)], params)[0]
        scores = np.expand_dims(vsx.as_numpy(output[0]).astype(np.float32), axis=0)
        best = scores.argmax(axis=2)[0]
        kept = [c for i, c in enumerate(best) if c and (not i or best[i - 1] != c)]
        return "".join(self.characters[c - 1] for c in kept), scores.shape


parser = argparse.ArgumentParser()
parser.add_argument("--det_model")
parser.add_argument("--det_vdsp_params")
parser.add_argument("--rec_model")
parser.add_argument("--rec_vdsp_params")
parser.add_argument("--elf_file", default="find_contours")
parser.add_argument("files", nargs="+")
args = parser.parse_args()
mats = [cv2.imread(path) for path in args.files]
detector = TextDetector(args.det_model, args.det_vdsp_params, elf_file=args.elf_file)
recognizer = TextRecognizer(args.rec_model, args.rec_vdsp_params, "RGB")
for path, mat, boxes in zip(args.files, mats, detector.run(mats)):
    for x, y, width, height in boxes:
        text, shape = recognizer.read(np.ascontiguousarray(mat[y : y + height, x : x + width]))
        print(path, (x, y, width, height), text, shape)
recognizer.finish()
