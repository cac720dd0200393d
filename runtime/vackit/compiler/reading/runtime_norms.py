# SPDX-License-Identifier: Apache-2.0
"""Write out the norms that ONNX Runtime's optimizers put among ONNX's own operators.

They write LayerNormalization into graphs of any opset, though ONNX has it from 17 on, and
SimplifiedLayerNormalization, which divides by the root of the mean square, without a domain.
ONNX Runtime fuses again what is written here.
"""

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from vackit.compiler.graph import (
    add_constant,
    attribute,
    constants,
    fresh_name,
    opset_of,
    set_nodes,
)

_NORM, _ROOT_NORM = "LayerNormalization", "SimplifiedLayerNormalization"
_NORM_OPSET = 17
# from it on ReduceMean takes its axes as an input
_AXES_INPUT_OPSET = 18
# of both operators, where no attribute says another
_EPSILON = 1e-5
_FLOATS = (TensorProto.BFLOAT16, TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.FLOAT16)
_LEAST_HALF = float(np.finfo(np.float16).smallest_subnormal)


def write_out_runtime_norms(model: onnx.ModelProto) -> None:
    """Replace such nodes of the main graph in place, where they normalize the last axis alone."""
    opset = opset_of(model)
    nodes = list(model.graph.node)
    foreign = [node for node in nodes if _is_foreign(node, opset)]
    if not foreign:
        return
    written = {id(node): _Writer(model.graph, node, opset).nodes() for node in foreign}
    set_nodes(model.graph, [new for node in nodes for new in written.get(id(node), [node])])


def _is_foreign(node: onnx.NodeProto, opset: int) -> bool:
    is_older = node.op_type == _NORM and opset < _NORM_OPSET
    if node.domain not in ("", "ai.onnx") or not (is_older or node.op_type == _ROOT_NORM):
        return False
    if len(node.input) < 2 or not node.output or not isinstance(_epsilon(node), float):
        return False  # damaged, as ONNX's checker will say
    return attribute(node, "axis", -1) == -1 and not any(node.output[1:])


def _epsilon(node: onnx.NodeProto) -> Any:
    return attribute(node, "epsilon", _EPSILON)


class _Writer:
    """Writes one norm with the operators of opset 7."""

    def __init__(self, graph: onnx.GraphProto, node: onnx.NodeProto, opset: int) -> None:
        self._graph, self._node, self._opset = graph, node, opset
        self._base = fresh_name(graph, f"{node.output[0]}_norm")
        self._nodes: list[onnx.NodeProto] = []

    def nodes(self) -> list[onnx.NodeProto]:
        """Return what replaces the norm, in order."""
        value, scale, *bias = self._node.input
        if self._node.op_type == _NORM:
            value = self._add("Sub", value, self._mean(value))
        square = self._add("Pow", value, self._constant("two", 2.0))
        epsilon = self._constant("epsilon", _epsilon(self._node))
        root = self._add("Sqrt", self._add("Add", self._mean(square), epsilon))
        scaled = self._add("Mul", self._add("Div", value, root), scale)
        if any(bias):
            self._add("Add", scaled, bias[0])
        self._nodes[-1].output[0] = self._node.output[0]
        return self._nodes

    def _mean(self, value: str) -> str:
        if self._opset < _AXES_INPUT_OPSET:
            return self._add("ReduceMean", value, axes=[-1])
        axes = add_constant(self._graph, f"{self._base}_axes", np.array([-1]))
        return self._add("ReduceMean", value, axes)

    def _constant(self, role: str, number: float) -> str:
        tensor = constants(self._graph).get(self._node.input[1])
        kind: int = TensorProto.FLOAT
        if tensor is not None and tensor.data_type in _FLOATS:
            kind = tensor.data_type
        dtype = helper.tensor_dtype_to_np_dtype(kind)
        if dtype == np.float16:  # has no 1e-12, and no epsilon at all would divide by zero
            number = max(number, _LEAST_HALF)
        return add_constant(self._graph, f"{self._base}_{role}", np.array(number, dtype))

    def _add(self, op_type: str, *inputs: str, axes: list[int] | None = None) -> str:
        name = f"{self._base}_{op_type}_{len(self._nodes)}"
        node = helper.make_node(op_type, inputs, [name], name=name)
        if axes is not None:
            node.attribute.append(helper.make_attribute("axes", axes))
        self._nodes.append(node)
        return name
