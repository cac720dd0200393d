# SPDX-License-Identifier: Apache-2.0
"""The graphs that are run to measure blocks, made from the twins."""

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from vackit.compiler.explain.blocks import Block, Step
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import add_constant, copy_model, replace, set_nodes

# what of a block is in integers: all, only its weights, only the rounding of its value
Part = Literal["all", "weights", "value"]

ALONE = "/alone"
CODES = "/codes"
WEIGHTS = "/weights_alone"


def with_outputs(model: onnx.ModelProto, names: Iterable[str]) -> onnx.ModelProto:
    """Return a copy that also shows the values ``names``."""
    copy = copy_model(model)
    graph = copy.graph
    have = {value.name for value in (*graph.output, *graph.input)}
    wanted = dict.fromkeys(name for name in names if name not in have)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in wanted)
    return copy


def integer_graph(twins: Twins, blocks: Sequence[Block]) -> onnx.ModelProto:
    """Return the integer graph with the blocks' results shown, as integers where rounded.

    Showing the integers leaves the integer kernels what they are.
    """
    return with_outputs(twins.integer, (block.codes for block in blocks))


def float_graph(twins: Twins, blocks: Sequence[Block]) -> onnx.ModelProto:
    """Return the float twin with what every block makes of the twin's own values beside.

    It shows each block's ``value``; ``value/alone``, the same from this block in integers with
    exact inputs; ``value/weights_alone``, from its integer weights but not rounded; and, where
    the block rounds, ``value/codes``: ``value`` as integers.
    """
    model = with_outputs(twins.floating, (block.value for block in blocks))
    graph = model.graph
    shown: list[str] = []
    for block in blocks:
        source = block.value
        if block.weights is not None:
            source = _apart(graph, block)
            shown.append(source)
        alone = block.value + ALONE
        if block.step is None:
            graph.node.append(helper.make_node("Identity", [source], [alone], name=alone))
        else:
            _round(graph, block.step, source, f"{alone}/codes", alone)
            graph.node.append(_quantize(graph, block.step, block.value, block.value + CODES))
            shown.append(block.value + CODES)
        shown.append(alone)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in shown)
    return model


def alone_graph(twins: Twins, block: Block, part: Part = "all") -> onnx.ModelProto:
    """Return the float twin in which this one block, or a part of it, is in integers."""
    model = copy_model(twins.floating)
    graph = model.graph
    if block.weights is not None and part != "value":
        node = next(node for node in graph.node if node.name == block.name)
        _put_weights(graph, node, block)
    if block.step is not None and part != "weights":
        _round_in_place(graph, block, block.step)
    return model


def _round_in_place(graph: onnx.GraphProto, block: Block, step: Step) -> None:
    source, rounded = block.value, block.value + ALONE
    if block.is_output:
        # the graph's output keeps its name: it is the rounded value that bears it
        source, rounded = f"{block.value}/exact", block.value
        for node in graph.node:
            replace(node.input, block.value, source)
            replace(node.output, block.value, source)
    for node in graph.node:
        if node.name in block.readers:
            replace(node.input, source, rounded)
    _round(graph, step, source, f"{block.value}/codes", rounded)
    made = list(graph.node)[-2:]
    rest = list(graph.node)[:-2]
    position = next((i for i, node in enumerate(rest) if source in node.output), -1) + 1
    set_nodes(graph, [*rest[:position], *made, *rest[position:]])


def _apart(graph: onnx.GraphProto, block: Block) -> str:
    """Append the block's node with its integer weights; return what it makes."""
    assert block.node is not None
    nodes = [block.node, *([block.activation] if block.activation else [])]
    for node in nodes:
        copy = graph.node.add()
        copy.CopyFrom(node)
        copy.name = f"{node.name}/shadow"
        copy.output[0] = f"{node.output[0]}{WEIGHTS}"
        if node is block.node:
            _put_weights(graph, copy, block)
        else:
            copy.input[0] = f"{node.input[0]}{WEIGHTS}"
    return f"{nodes[-1].output[0]}{WEIGHTS}"


def _put_weights(graph: onnx.GraphProto, node: onnx.NodeProto, block: Block) -> None:
    weights = block.weights
    assert weights is not None
    names = [node.input[0], add_constant(graph, f"{block.name}/weights", weights.integer)]
    if weights.integer_bias is not None:
        names.append(add_constant(graph, f"{block.name}/bias", weights.integer_bias))
    node.input[:] = names


def _round(graph: onnx.GraphProto, step: Step, source: str, codes: str, to: str) -> None:
    first = _quantize(graph, step, source, codes)
    names = first.input[1:]
    if step.read_as is not None:
        names = _parameters(graph, f"{codes}/read", *step.read_as, step)
    second = helper.make_node("DequantizeLinear", [codes, *names], [to], name=to)
    graph.node.extend([first, second])


def _quantize(graph: onnx.GraphProto, step: Step, source: str, codes: str) -> onnx.NodeProto:
    names = _parameters(graph, codes, step.scale, step.zero_point, step)
    return helper.make_node("QuantizeLinear", [source, *names], [codes], name=codes)


def _parameters(
    graph: onnx.GraphProto, name: str, scale: float, zero_point: int, step: Step
) -> list[str]:
    dtype = np.uint8 if step.lowest >= 0 else np.int8
    values: NDArray[np.float32] = np.array(scale, np.float32)
    return [
        add_constant(graph, f"{name}/scale", values),
        add_constant(graph, f"{name}/zero", np.array(zero_point, dtype)),
    ]
