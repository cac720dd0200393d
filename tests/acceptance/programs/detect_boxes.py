# SPDX-License-Identifier: Apache-2.0
"""A detector whose artifact ends in the suppression of boxes; one picture, many, profile."""

import argparse
import ast
import os
import sys

sys.path.append(os.path.join(os.path.dirname(os.path.realpath(__file__)), "."))
import cv2
import numpy as np
from common.base import ModelBase
from common.profiler import Profiler


class Detector(ModelBase):
    def post_process(self, outputs, image):
        ids, scores, boxes = [one.astype(np.float32) for one in outputs]
        ratio, left, top = self.undo_letterbox(image.width, image.height)
        found = []
        for i in range(ids.shape[1]):
            if ids[0, i] < 0:
                break
            x1, y1, x2, y2 = boxes[0, i]
            corners = [(x1 - left) / ratio, (y1 - top) / ratio]
            corners += [(x2 - left) / ratio, (y2 - top) / ratio]
            found.append((int(ids[0, i]), float(scores[0, i]), *map(float, corners)))
        return found


parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
parser.add_argument("--hw_config", default="", help="hw-config file of the model suite")
parser.add_argument("--vdsp_params")
parser.add_argument("-d", "--device_ids", default="[0]")
parser.add_argument("-b", "--batch_size", default=1, type=int)
parser.add_argument("--profile", action="store_true")
parser.add_argument("files", nargs="+")
args = parser.parse_args()

(device_id,) = ast.literal_eval(args.device_ids)
detector = Detector(args.model_prefix, args.vdsp_params, args.batch_size, device_id, args.hw_config)
mats = [cv2.imread(path) for path in args.files]
assert detector.process(mats) == [detector.process(mat) for mat in mats]
for path, boxes in zip(args.files, detector.process(mats)):
    for label, score, x1, y1, x2, y2 in boxes:
        print(f"{path}: {label} {score:.2f} {x1:.1f} {y1:.1f} {x2:.1f} {y2:.1f}")
print("batch", detector.model.batch_size, detector.model.max_batch_size)
if args.profile:
    models = [
        Detector(args.model_prefix, args.vdsp_params, args.batch_size, device_id) for _ in range(2)
    ]
    print(Profiler(models, args.batch_size, 6).run())
    for model in models:
        model.finish()
detector.finish()
