# SPDX-License-Identifier: Apache-2.0
"""Count what is in a model: operators, parameters, multiply-adds."""

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto

from vackit.compiler.frontend import read_onnx
from vackit.compiler.graph import (
    attribute,
    copy_model,
    inferred_shapes,
    opset_of,
    set_shape,
    shape_of,
)
from vackit.compiler.passes.constants_to_initializers import ConstantsToInitializers

# positions of inputs that are settings, not weights
_SETTINGS = {
    "BatchNormalization": (3, 4),  # the measured mean and variance
    "Clip": (1, 2),
    "DequantizeLinear": (1, 2),
    "QuantizeLinear": (1, 2),
    "Resize": (1, 2, 3),
    "Upsample": (1,),
}
_WEIGHT_DTYPES = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE)


@dataclass(frozen=True)
class ModelSummary:
    """What `inspect_model` found.

    Attributes:
        inputs: Per input its name, shape (None: symbolic) and dtype.
        outputs: Likewise.
        operators: Number of nodes per operator, by name.
        opset: Of the default domain.
        num_parameters: Elements of weights and biases.
        num_multiply_adds: For one sample; biases and activations are not counted.
        num_uncounted: Nodes whose shapes, and so their multiply-adds, are not known.
    """

    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    operators: dict[str, int]
    opset: int
    num_parameters: int
    num_multiply_adds: int
    num_uncounted: int

    def to_json(self) -> dict[str, Any]:
        """Return what ``vamc inspect --json`` prints."""
        return {
            "inputs": list(self.inputs),
            "outputs": list(self.outputs),
            "operators": self.operators,
            "opset": self.opset,
            "parameters_millions": round(self.num_parameters / 1e6, 4),
            "multiply_adds_millions": round(self.num_multiply_adds / 1e6, 4),
            "nodes_without_known_shape": self.num_uncounted,
        }


def inspect_model(path: Path) -> ModelSummary:
    """Read an ONNX file, float or quantized, and count what is in it.

    Multiply-adds are those of Conv, ConvTranspose, Gemm and MatMul for a batch of one; axes
    that the file leaves open, beside the batch, leave their nodes uncounted.

    Raises:
        ModelError: The file is not a model.
    """
    model = read_onnx(path)
    ConstantsToInitializers().apply(model)
    shapes = inferred_shapes(_for_one_sample(model))
    counts = [_multiply_adds(node, shapes) for node in model.graph.node]
    operators = Counter(node.op_type for node in model.graph.node)
    return ModelSummary(
        inputs=tuple(_described(value) for value in model.graph.input),
        outputs=tuple(_described(value) for value in model.graph.output),
        operators=dict(sorted(operators.items())),
        opset=opset_of(model),
        num_parameters=_num_parameters(model.graph),
        num_multiply_adds=sum(count for count in counts if count is not None),
        num_uncounted=sum(count is None for count in counts),
    )


def _for_one_sample(model: onnx.ModelProto) -> onnx.ModelProto:
    single = copy_model(model)
    for value in single.graph.input:
        shape = shape_of(value)
        if shape and not isinstance(shape[0], int):
            set_shape(value, (1, *shape[1:]))
    for value in single.graph.output:
        value.type.tensor_type.ClearField("shape")
    del single.graph.value_info[:]
    return single


def _described(value: onnx.ValueInfoProto) -> dict[str, Any]:
    shape = shape_of(value)
    dtype = onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)
    sizes = [size if isinstance(size, int) else None for size in shape or ()]
    return {"name": value.name, "shape": sizes, "dtype": str(dtype)}


def _num_parameters(graph: onnx.GraphProto) -> int:
    settings = {
        node.input[position]
        for node in graph.node
        for position in _SETTINGS.get(node.op_type, ())
        if position < len(node.input)
    }
    quantized = {n.input[0] for n in graph.node if n.op_type == "DequantizeLinear"}
    return sum(
        math.prod(tensor.dims)
        for tensor in graph.initializer
        if tensor.name not in settings
        and (tensor.data_type in _WEIGHT_DTYPES or tensor.name in quantized)
    )


def _multiply_adds(
    node: onnx.NodeProto, shapes: dict[str, tuple[int | str | None, ...]]
) -> int | None:
    """Return the multiply-adds of a node; None where its shapes are not known."""
    if node.op_type not in ("Conv", "ConvTranspose", "Gemm", "MatMul"):
        return 0
    data, weight, result = (
        _sizes(shapes, name) for name in (node.input[0], node.input[1], node.output[0])
    )
    if data is None or weight is None or result is None:
        return None
    if node.op_type == "Conv":
        return math.prod(result) * math.prod(weight[1:])
    if node.op_type == "ConvTranspose":
        return math.prod(data) * math.prod(weight[1:])
    if node.op_type == "Gemm":
        return math.prod(result) * data[0 if attribute(node, "transA", 0) else 1]
    return math.prod(result) * data[-1]


def _sizes(shapes: dict[str, tuple[int | str | None, ...]], name: str) -> tuple[int, ...] | None:
    shape = shapes.get(name)
    if shape is None or not all(isinstance(size, int) for size in shape):
        return None
    return tuple(size for size in shape if isinstance(size, int))
