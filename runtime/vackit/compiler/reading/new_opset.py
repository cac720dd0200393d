# SPDX-License-Identifier: Apache-2.0
"""Bring models of opsets that ONNX Runtime does not run yet to the newest that it does."""

import functools

import onnx
from onnx import TensorProto, defs, helper

from vackit.compiler.graph import opset_of
from vackit.compiler.running import open_session
from vackit.errors import ModelError, UnsupportedOpError

# every ONNX Runtime that this project accepts runs it
_COMMON_OPSET = 21
_HINT = "export the model with an older opset, or install a newer onnxruntime"


def lower_new_opset(model: onnx.ModelProto, where: object) -> None:
    """Lower the opset of ``model`` in place to what ONNX Runtime runs.

    Only the number in the model changes. A node means the same in two opsets where ONNX's
    registry has one version of its operator for both, or where the older version has all that
    the node uses: from opset 21 on new versions only add types, attributes and inputs.

    Args:
        model: Its functions inlined, its nodes named.
        where: What to name in errors: the model's file.

    Raises:
        UnsupportedOpError: A node means something else in the older opset.
    """
    opset = opset_of(model)
    if opset <= _COMMON_OPSET or opset <= (newest := newest_opset()):
        return
    for node in model.graph.node:
        if not node.domain and not _means_the_same(node, opset, newest):
            raise UnsupportedOpError(
                f"node '{node.name}' ({node.op_type}) is of opset {opset}; the installed ONNX "
                f"Runtime runs opsets up to {newest}",
                where=where,
                hint=_HINT,
            )
    for entry in model.opset_import:
        entry.version = newest if entry.domain in ("", "ai.onnx") else entry.version
    model.ir_version = min(model.ir_version, helper.find_min_ir_version_for(model.opset_import))


@functools.cache
def newest_opset() -> int:
    """Return the newest opset that the installed ONNX Runtime runs, quantization included.

    One that runs most operators of an opset may lack those (1.32 does of 28).
    """
    for opset in range(defs.onnx_opset_version(), _COMMON_OPSET, -1):
        try:
            open_session(_probe(opset), "")
        except ModelError:
            continue
        return opset
    return _COMMON_OPSET


def _probe(opset: int) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    nodes = [
        helper.make_node("Identity", ["x"], ["same"]),
        helper.make_node("QuantizeLinear", ["same", "scale", "zero"], ["quantized"]),
        helper.make_node("DequantizeLinear", ["quantized", "scale", "zero"], ["y"]),
    ]
    scale = helper.make_tensor("scale", TensorProto.FLOAT, [], [1.0])
    zero = helper.make_tensor("zero", TensorProto.UINT8, [], [0])
    graph = helper.make_graph(nodes, "probe", values[:1], values[1:], [scale, zero])
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _means_the_same(node: onnx.NodeProto, opset: int, older: int) -> bool:
    try:
        new, old = (defs.get_schema(node.op_type, number) for number in (opset, older))
    except defs.SchemaError:
        return False
    if new.since_version == old.since_version:
        return True
    used = {attribute.name for attribute in node.attribute}
    defaults = [
        (new.attributes[name].default_value, one.default_value)
        for name, one in old.attributes.items()
        if name in new.attributes
    ]
    fits = len(node.input) <= old.max_input and len(node.output) <= old.max_output
    return used <= old.attributes.keys() and fits and all(a == b for a, b in defaults)
