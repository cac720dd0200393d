# SPDX-License-Identifier: Apache-2.0
"""Two models whose vectors are compared, images from tokens' side and pictures' side.

The picture passes two operators by hand, normalization and patches, and then two models, the
second on the first's tensor as it lies on the device.
"""

import argparse
import struct

import cv2
import numpy as np
import vaststreamx as vsx

SIZE, PATCH = 32, 16


def half(*values):
    return struct.pack("<4e", *values, 0.0)


class ModelOnly:
    def __init__(self, prefix, kind, *operators):
        self.model = vsx.Model(prefix, batch_size=1)
        self.op = vsx.ModelOperator(self.model)
        self.graph = vsx.Graph(output_type=kind)
        self.graph.add_operators(*operators, self.op)
        self.stream = vsx.Stream(self.graph, vsx.StreamBalanceMode.ONCE)
        self.stream.register_operator_output(self.op)
        self.stream.build()

    def __call__(self, *tensors):
        return self.stream.run_sync([list(tensors)])[0][0]


class Images:
    def __init__(self, patches, vector):
        kinds = vsx.GraphOutputType
        self.normalize = vsx.CustomOperator("opf_normalize", "elf/normalize")
        self.patches = vsx.CustomOperator("opf_space_to_depth_out_matrix", "elf/space_to_depth")
        self.first = ModelOnly(patches, kinds.GRAPH_OUTPUT_TYPE_884_DEVICE)
        self.second = ModelOnly(vector, kinds.GRAPH_OUTPUT_TYPE_NCHW_HOST)

    def __call__(self, mat):
        height, width = mat.shape[:2]
        image = vsx.create_image(mat, vsx.ImageFormat.BGR_INTERLEAVE, width, height, 0)
        image = vsx.cvtcolor(image, vsx.ImageFormat.RGB_PLANAR)
        image = vsx.resize(image, vsx.ImageResizeType.BILINEAR_CV, SIZE, SIZE)
        sizes = struct.pack("<7Ii", SIZE, SIZE, SIZE, SIZE, SIZE, SIZE, 3, 4)
        (tensor,) = self.normalize.run_sync(
            images=[image],
            config=sizes + half(0, 0, 0) + half(1, 1, 1),
            output_info=[((3, SIZE, SIZE), vsx.TypeFlag.FLOAT16)],
        )
        rows, columns = (SIZE // PATCH) ** 2, 3 * PATCH * PATCH
        padded = -(-rows // 16) * 16
        config = struct.pack(
            "<23I", 3, 3, SIZE, SIZE, 0, 1, 1, 1, 0, 0, 0, PATCH, PATCH,
            2, rows, columns, 0, 0, padded, columns, 0, 0, 0,
        )  # fmt: skip
        (matrix,) = self.patches.run_sync(
            tensors=[tensor],
            config=config,
            output_info=[((padded // 16, columns // 16, 256), vsx.TypeFlag.FLOAT16)],
        )
        return vsx.as_numpy(self.second(self.first(matrix)))[0].astype(np.float32)


class Texts:
    def __init__(self, prefix):
        embedding = vsx.Operator(vsx.OpType.BERT_EMBEDDING_OP)
        self.model = ModelOnly(prefix, vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST, embedding)

    def __call__(self, ids):
        tokens = np.array([ids], dtype=np.int32)
        zeros, mask = np.zeros_like(tokens), (tokens > 0).astype(np.int32)
        rows = [tokens, zeros, mask, mask, mask, mask]
        tensors = [vsx.from_numpy(row, 0) for row in rows]
        return vsx.as_numpy(self.model(*tensors))[0].astype(np.float32)


parser = argparse.ArgumentParser()
parser.add_argument("--imgmod_prefix", nargs=2)
parser.add_argument("--txtmod_prefix")
parser.add_argument("files", nargs="+")
args = parser.parse_args()
assert vsx.set_device(0) == 0
images, texts = Images(*args.imgmod_prefix), Texts(args.txtmod_prefix)
words = {"red": [1, 0, 0], "green": [2, 0, 0], "blue": [3, 0, 0]}
table = np.stack([texts(ids) for ids in words.values()])
for path in args.files:
    vector = images(cv2.imread(path))
    scores = table @ vector / np.linalg.norm(vector)
    print(path, list(words)[int(scores.argmax())], np.round(scores, 2).tolist())
