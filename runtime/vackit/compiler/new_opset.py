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

    An operator means the same in two opsets where ONNX's registry has one version of it for
    both; then only the number in the model changes.

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
        if not node.domain and _version(node.op_type, opset) != _version(node.op_type, newest):
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
    """Return the newest opset that the installed ONNX Runtime runs."""
    for opset in range(defs.onnx_opset_version(), _COMMON_OPSET, -1):
        try:
            open_session(_identity(opset), "")
        except ModelError:
            continue
        return opset
    return _COMMON_OPSET


def _identity(opset: int) -> onnx.ModelProto:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    node = helper.make_node("Identity", ["x"], ["y"])
    graph = helper.make_graph([node], "probe", values[:1], values[1:])
    imports = [helper.make_opsetid("", opset)]
    return helper.make_model(graph, opset_imports=imports, ir_version=8)


def _version(op_type: str, opset: int) -> int:
    try:
        return int(defs.get_schema(op_type, opset).since_version)
    except defs.SchemaError:
        return 0
