# SPDX-License-Identifier: Apache-2.0
"""Detection style: the operator's image format decides the image; letterbox undone by hand."""

import argparse
from concurrent.futures import ThreadPoolExecutor

import cv2
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
parser.add_argument("--vdsp_params")
parser.add_argument("files", nargs="+")
args = parser.parse_args()

TYPES = {5000: vsx.ImageFormat.RGB_PLANAR, 5003: vsx.ImageFormat.BGR_INTERLEAVE}
vsx.set_device(0)
model = vsx.Model(args.model_prefix, 2, "")
model_op = vsx.ModelOperator(model)
graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_DEVICE)
ops = vsx.Operator.load_ops_from_json_file(args.vdsp_params)
graph.add_operators(*ops, model_op)
fmt = vsx.ImageFormat.YUV_NV12
if ops[0].op_type >= 100:
    buildin = ops[0].cast_to_buildin_operator()
    if "IIMAGE_FORMAT" in buildin.attributes.keys():
        fmt = TYPES[buildin.get_attribute(vsx.AttrKey.IIMAGE_FORMAT)]
stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
stream.register_operator_output("model", model_op)
stream.build()


def load(path):
    mat = cv2.imread(path)
    image = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, mat.shape[1], mat.shape[0], 0)
    return vsx.cvtcolor(image, fmt)


def detect(path):
    vsx.set_device(0)
    image = load(path)
    outputs = stream.run_sync([image])[0]
    height, width = model.input_shape[0][-2:]
    ratio = min(width / image.width, height / image.height)
    dw, dh = (width - image.width * ratio) / 2, (height - image.height * ratio) / 2
    arrays = [vsx.as_numpy(one) for one in outputs]
    shapes = [list(one.shape) for one in arrays]
    return f"{path} ratio {ratio:.4f} pads {dw:.1f} {dh:.1f} shapes {shapes} {arrays[0].dtype}"


with ThreadPoolExecutor(2) as pool:
    for line in pool.map(detect, args.files):
        print(line)
stream.close_input()
stream.wait_until_done()
