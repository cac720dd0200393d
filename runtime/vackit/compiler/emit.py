# SPDX-License-Identifier: Apache-2.0
"""Turn a finished graph into the bytes of an artifact's parts. Writes nothing itself."""

import onnx
from onnx import TensorProto, helper, numpy_helper

PRODUCER = "vackit"
# tensors up to this size stay in the graph: shapes, axes, scales that readers want to see
INLINE_LIMIT_BYTES = 256
# so that a reader which maps the file gets aligned vectors
ALIGNMENT_BYTES = 64


def serialize(model: onnx.ModelProto, weights_name: str) -> tuple[bytes, bytes]:
    """Return the bytes of ``.onnx`` and ``.onnx.data``.

    The same model gives the same bytes, in any process: initializers are laid out in graph
    order, nothing of the producer's machine is kept.

    Args:
        model: Complete, its weights inside; left as it is.
        weights_name: File name of the weights, without a folder.
    """
    model = _anonymous(model)
    weights = bytearray()
    for position, tensor in enumerate(model.graph.initializer):
        raw = _with_raw_data(tensor)
        if len(raw.raw_data) > INLINE_LIMIT_BYTES:
            weights.extend(bytes(-len(weights) % ALIGNMENT_BYTES))
            _move_out(raw, weights, weights_name)
        model.graph.initializer[position].CopyFrom(raw)
    return model.SerializeToString(deterministic=True), bytes(weights)


def _anonymous(model: onnx.ModelProto) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.producer_name, copy.producer_version, copy.doc_string = PRODUCER, "", ""
    del copy.metadata_props[:]
    copy.graph.doc_string = ""
    for node in copy.graph.node:
        node.doc_string = ""
        del node.metadata_props[:]
    needed = helper.find_min_ir_version_for(list(copy.opset_import), ignore_unknown=True)
    copy.ir_version = max(needed, 8)
    return copy


def _with_raw_data(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if tensor.HasField("raw_data") or tensor.data_type == TensorProto.STRING:
        copy = onnx.TensorProto()
        copy.CopyFrom(tensor)
        copy.doc_string = ""
        return copy
    return numpy_helper.from_array(numpy_helper.to_array(tensor), tensor.name)


def _move_out(tensor: onnx.TensorProto, weights: bytearray, location: str) -> None:
    entries = {
        "location": location,
        "offset": str(len(weights)),
        "length": str(len(tensor.raw_data)),
    }
    weights.extend(tensor.raw_data)
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    del tensor.external_data[:]
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=value)
