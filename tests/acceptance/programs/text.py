# SPDX-License-Identifier: Apache-2.0
"""A text model behind the embedding operator; six token tensors, the mask repeated."""

import argparse

import numpy as np
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("-m", "--model_prefix")
args = parser.parse_args()
vsx.set_device(0)
model = vsx.Model(args.model_prefix, 1)
model_op = vsx.ModelOperator(model)
graph = vsx.Graph(vsx.GraphOutputType.GRAPH_OUTPUT_TYPE_NCHW_HOST)
graph.add_operators(vsx.Operator(vsx.OpType.BERT_EMBEDDING_OP), model_op)
stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
stream.register_operator_output(model_op)
stream.build()
print("inputs", model.input_count, model.input_shape)


def tokens(ids, types, mask):
    rows = [ids, types, mask, mask, mask, mask]
    return [vsx.from_numpy(np.array([row], dtype=np.int32), 0) for row in rows]


batch = [
    tokens([7, 8, 9, 0], [0, 0, 1, 0], [1, 1, 1, 0]),
    tokens([1, 2, 3, 4], [0, 1, 1, 0], [1, 1, 1, 1]),
]
for sample in stream.run_sync(batch):
    print(vsx.as_numpy(sample[0])[0].tolist())
stream.close_input()
stream.wait_until_done()
