# SPDX-License-Identifier: Apache-2.0
"""Pointwise convolutions whose result stays float, as matrix products on channels last.

ONNX Runtime fuses DequantizeLinear and Conv into an integer kernel only where the result is
quantized again; of a Gemm it also fuses the form with a float result. Its integer
convolutions run on channels last, so that the transposes here cancel out with its own.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vackit.compiler.convolution import is_pointwise
from vackit.compiler.graph import (
    Shape,
    add_constant,
    constants,
    consumers,
    inferred_shapes,
    producers,
    set_nodes,
    values_of,
)
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.qdq import CODES, DEQUANTIZED

LAST, FIRST = [0, 2, 3, 1], [0, 3, 1, 2]
# what is added to a value's name: with channels last, and brought back from there; one row a
# pixel, and what a matrix product makes of them
PIXELS, BACK, ROWS, PRODUCT = "/channels_last", "/channels_first", "/rows", "/product"


def lower_products(model: onnx.ModelProto) -> int:
    """Write the convolutions that an Add reads unrounded as products, in place; return how many."""
    graph = model.graph
    shapes = inferred_shapes(model)
    products = _products(graph, shapes)
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        is_product = node.name in products
        nodes += _as_product(graph, node, shapes[node.output[0]]) if is_product else [node]
    if products:
        set_nodes(graph, nodes)
        RemoveDead().apply(model)
        del graph.value_info[:]
    return len(products)


def _products(graph: onnx.GraphProto, shapes: dict[str, Shape]) -> dict[str, onnx.NodeProto]:
    readers = consumers(graph)
    return {
        node.name: node
        for node in graph.node
        if node.op_type == "Conv"
        and any(reader.op_type == "Add" for reader in readers.get(node.output[0], []))
        and _is_integer_product(graph, node)
        and all(isinstance(size, int) for size in shapes.get(node.output[0], (None,))[1:])
    }


def _is_integer_product(graph: onnx.GraphProto, node: onnx.NodeProto) -> bool:
    """Tell whether a Conv reads integers only, its weights being its own and pointwise."""
    makers, readers, known = producers(graph), consumers(graph), constants(graph)
    sources = [makers.get(name) for name in node.input]
    if len(sources) != 3 or any(s is None or s.op_type != "DequantizeLinear" for s in sources):
        return False
    weights = makers[node.input[1]]
    plain = helper.make_node("Conv", [node.input[0], weights.input[0]], list(node.output))
    plain.attribute.extend(node.attribute)
    own = len(readers[node.input[1]]) == len(readers[weights.input[0]]) == 1
    return own and is_pointwise(plain, known)


def _as_product(graph: onnx.GraphProto, node: onnx.NodeProto, shape: Shape) -> list[onnx.NodeProto]:
    makers, value = producers(graph), node.output[0]
    codes, *scale = makers[node.input[0]].input
    channels = _turn_weights(graph, makers[node.input[1]])[0]
    flat = add_constant(graph, f"{value}{ROWS}/shape", np.array([-1, channels]))
    whole = np.array([-1, *(shape[axis] for axis in LAST[1:])])
    place = add_constant(graph, f"{value}{PRODUCT}/shape", whole)
    pixels, rows, real, product, back = (
        f"{value}{end}" for end in (PIXELS, ROWS, ROWS + DEQUANTIZED, PRODUCT, BACK)
    )
    return [
        helper.make_node("Transpose", [codes], [pixels], name=pixels, perm=LAST),
        helper.make_node("Reshape", [pixels, flat], [rows], name=rows),
        helper.make_node("DequantizeLinear", [rows, *scale], [real], name=real),
        helper.make_node("Gemm", [real, *node.input[1:]], [product], name=node.name),
        helper.make_node("Reshape", [product, place], [f"{back}/before"], name=product),
        helper.make_node("Transpose", [f"{back}/before"], [value], name=back, perm=FIRST),
    ]


def _turn_weights(graph: onnx.GraphProto, dequantize: onnx.NodeProto) -> tuple[int, ...]:
    """Store the weights of a convolution as (inputs, outputs), or the other way round."""
    stored = constants(graph)[dequantize.input[0]]
    integers: NDArray[np.int8] = values_of(stored)
    was_matrix = integers.ndim == 2
    turned = np.ascontiguousarray(integers.reshape(integers.shape[:2]).T)
    turned = turned[:, :, np.newaxis, np.newaxis] if was_matrix else turned
    stored.CopyFrom(numpy_helper.from_array(turned, stored.name))
    for one in dequantize.attribute:
        if one.name == "axis":
            one.i = 0 if was_matrix else 1
    return turned.shape


def lift_products(model: onnx.ModelProto) -> None:
    """Undo `lower_products`, in place."""
    graph = model.graph
    makers = producers(graph)
    nodes: list[onnx.NodeProto] = []
    lifted = False
    for node in graph.node:
        if node.op_type == "Transpose" and node.name.endswith(BACK):
            product = makers[makers[node.input[0]].input[0]]
            nodes += _as_convolution(graph, product, node.output[0])
            lifted = True
        else:
            nodes.append(node)
    if lifted:
        set_nodes(graph, nodes)
        RemoveDead().apply(model)
        del graph.value_info[:]


def _as_convolution(
    graph: onnx.GraphProto, product: onnx.NodeProto, value: str
) -> list[onnx.NodeProto]:
    makers, readers = producers(graph), consumers(graph)
    dequantize = makers[product.input[0]]
    codes = makers[makers[dequantize.input[0]].input[0]].input[0]
    _turn_weights(graph, makers[product.input[1]])
    others = [node for node in readers[codes] if node.op_type == "DequantizeLinear"]
    real = others[0].output[0] if others else codes.removesuffix(CODES) + DEQUANTIZED
    made = helper.make_node("DequantizeLinear", [codes, *dequantize.input[1:]], [real], name=real)
    inputs = [real, *product.input[1:]]
    node = helper.make_node("Conv", inputs, [value], name=product.name, kernel_shape=[1, 1])
    return [node] if others else [made, node]
