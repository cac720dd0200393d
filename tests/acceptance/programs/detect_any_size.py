# SPDX-License-Identifier: Apache-2.0
"""A dynamic detector: each picture has a size of its own in the model."""

import argparse
import ast

import cv2
import numpy as np
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("-m", "--module_info")
parser.add_argument("--vdsp_params")
parser.add_argument("--max_input_shape", default="[1,3,64,96]")
parser.add_argument("files", nargs="+")
args = parser.parse_args()
assert vsx.set_device(0) == 0
model = vsx.Model(args.module_info)
model.set_input_shape([ast.literal_eval(args.max_input_shape)])
model.set_batch_size(2)
model_op = vsx.ModelOperator(model)
graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE)
graph.add_operators(*vsx.Operator.load_ops_from_json_file(args.vdsp_params), model_op)
stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
stream.register_operator_output(model_op)
stream.build()
print("largest", model.input_shape, model.output_shape)
images, shapes = [], []
for path in args.files:
    mat = cv2.imread(path)
    height, width = mat.shape[:2]
    image = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, width, height, 0)
    images.append(vsx.cvtcolor(image, vsx.ImageFormat.RGB_PLANAR))
    shapes.append([[1, 3, -(-height // 8) * 8, -(-width // 8) * 8]])
outputs = stream.run_sync(images, {"dynamic_model_input_shapes": shapes})
for path, shape, output in zip(args.files, shapes, outputs):
    ids, scores, boxes = [np.squeeze(vsx.as_numpy(one)) for one in output]
    for label, score, box in zip(ids[ids >= 0], scores, boxes):
        print(path, shape[0][2:], int(label), f"{score:.2f}", *box)
