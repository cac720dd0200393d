# SPDX-License-Identifier: Apache-2.0
"""Give origins a new channel order and let every reader follow."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vackit.compiler.graph import (
    constants,
    inferred_shapes,
    opset_of,
    replace,
    set_nodes,
    taken_names,
    values_of,
)
from vackit.compiler.layout.elementwise import ELEMENTWISE, channel_axis
from vackit.compiler.layout.roles import Order, Role, input_axis, orders_freely, permuted
from vackit.compiler.layout.trace import Trace, View
from vackit.compiler.layout.uses import Mask, Survey, Uses

# channels and how they are read -> the channel at each place, -1: padding
Arrange = Callable[[int, Uses], Order]

# kinds of nodes that readers may get before them
ADDED = frozenset({"Concat", "Flatten", "Slice"})
# from it on the bounds of a Slice are inputs
_OLDEST_OPSET = 10


def unfit(model: onnx.ModelProto) -> str:
    """Say why `relay` cannot work on ``model``; empty where it can."""
    opset = opset_of(model)
    return "" if opset >= _OLDEST_OPSET else f"opset {opset}, it needs {_OLDEST_OPSET}"


def relay(model: onnx.ModelProto, arrange: Arrange) -> int:
    """Order the output channels of every dense convolution as ``arrange`` says.

    Readers of moved channels read slices of where they lie instead; the moving nodes that
    nobody reads afterwards stay behind for dead-code removal. Convolutions whose channels
    anybody reads by their place keep their order, and so do the moving nodes behind them.

    Args:
        model: Changed in place; batch norms folded, shapes known but for the batch.
        arrange: Gets a number of channels and how they are read.

    Returns:
        How many orders and reads changed.
    """
    return _Relay(model, arrange).run()


class _Relay:
    def __init__(self, model: onnx.ModelProto, arrange: Arrange) -> None:
        shapes = inferred_shapes(model)
        self.graph = model.graph
        self.arrange = arrange
        self.trace = Trace(model, shapes)
        self.survey = Survey(model, self.trace, shapes)
        self.known = constants(model.graph)
        self.taken = taken_names(model.graph)
        self.orders: dict[str, Order] = {}
        self.nodes: list[onnx.NodeProto] = []
        self.joins: dict[tuple[tuple[str, int, int], ...], str] = {}
        self.slices: dict[tuple[str, int, int], str] = {}
        self.changes = 0

    def run(self) -> int:
        for node in self.graph.node:
            if not (node.output and node.output[0] in self.trace.moved):
                self._follow(node)
                self._order(node)
            self.nodes.append(node)
        if self.changes:
            set_nodes(self.graph, self.nodes)
            del self.graph.value_info[:]
        return self.changes

    def _follow(self, node: onnx.NodeProto) -> None:
        """Let a node read its input where it now lies."""
        name = self.survey.source(node)
        if not name or not self.survey.follows(node, name):
            return
        kind = self.survey.kind(node, name)
        order = self.orders.get(name)
        if name in self.trace.moved:
            gathered, order = self._gathered(self.trace.views[name])
            replace(node.input, name, gathered)
            self.changes += 1
        if order is None:
            return
        if kind is Role.MIXES:
            self._permute(node, 1, order, input_axis(node))
            return
        self._carry(node, order)
        self.orders[node.output[0]] = order

    def _carry(self, node: onnx.NodeProto, order: Order) -> None:
        """Lay the parameters of a node that keeps channels apart in their order."""
        if node.op_type in ("BatchNormalization", "Conv"):
            self._permute_outputs(node, order)
        if node.op_type == "Conv":
            next(a for a in node.attribute if a.name == "group").i = len(order)
        if node.op_type in ELEMENTWISE:
            rank = self.survey.rank(node.output[0])
            for position, name in enumerate(node.input):
                axis = channel_axis(self.survey.weights.get(name, ()), rank)
                if name in self.known and axis is not None:
                    self._permute(node, position, order, axis)

    def _order(self, node: onnx.NodeProto) -> None:
        """Choose the order of a dense convolution's output."""
        if not orders_freely(node, self.survey.weights):
            return
        name = node.output[0]
        uses, channels = self.survey.of(name), self.survey.channels(name)
        if uses.pinned or not uses.masks or not channels:
            return
        order = self.arrange(channels, uses)
        if not np.array_equal(order, np.arange(channels)):
            self._permute_outputs(node, order)
            self.orders[name] = order
            self.changes += 1

    def _permute_outputs(self, node: onnx.NodeProto, order: Order) -> None:
        for position in range(1, len(node.input)):
            if node.input[position]:
                self._permute(node, position, order, 0)

    def _permute(self, node: onnx.NodeProto, position: int, order: Order, axis: int) -> None:
        values = values_of(self.known[node.input[position]])
        if not np.array_equal(order, np.arange(values.shape[axis])):
            base = node.input[position]
            node.input[position] = self._constant(base, permuted(values, order, axis))

    def _constant(self, base: str, values: NDArray[Any]) -> str:
        name = self._fresh(base)
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        self.known[name] = self.graph.initializer[-1]
        self.survey.weights[name] = values.shape
        return name

    def _gathered(self, view: View) -> tuple[str, Order]:
        """Return a value that holds a view's channels, and the order that they have in it."""
        parts: list[tuple[str, int, int]] = []
        orders: list[Order] = []
        for root in dict.fromkeys(view.roots.tolist()):
            name = self.trace.roots[root]
            place = np.full(self.survey.channels(name), -1, np.int64)
            place[view.channels[view.roots == root]] = np.flatnonzero(view.roots == root)
            order = self.orders.get(name, np.arange(len(place)))
            # where the channel at each place of the root stands in the view; -1: nowhere
            wanted = np.where(order < 0, -1, place[order])
            for start, end in _ranges(wanted >= 0, order < 0):
                parts.append((name, start, -1 if (start, end) == (0, len(order)) else end))
                orders.append(wanted[start:end])
        return self._joined(tuple(parts), view.rank), np.concatenate(orders)

    def _joined(self, parts: tuple[tuple[str, int, int], ...], rank: int) -> str:
        if parts not in self.joins:
            names = [self._slice(*part) for part in parts]
            joined = names[0] if len(names) == 1 else self._add("Concat", names, axis=1)
            is_flat = rank == 2 and self.trace.rank(parts[0][0]) == 4
            self.joins[parts] = self._add("Flatten", [joined], axis=1) if is_flat else joined
        return self.joins[parts]

    def _slice(self, name: str, start: int, end: int) -> str:
        if end < 0:
            return name
        key = (name, start, end)
        if key not in self.slices:
            bounds = [self._constant("bound", np.array([value])) for value in (start, end, 1)]
            self.slices[key] = self._add("Slice", [name, *bounds])
        return self.slices[key]

    def _add(self, op_type: str, inputs: list[str], **attributes: Any) -> str:
        name = self._fresh(f"{inputs[0]}_{op_type.lower()}")
        self.nodes.append(helper.make_node(op_type, inputs, [name], name=name, **attributes))
        return name

    def _fresh(self, base: str) -> str:
        name, number = base, 0
        while name in self.taken:
            number += 1
            name = f"{base}_{number}"
        self.taken.add(name)
        return name


def _ranges(taken: Mask, padding: Mask) -> Iterator[tuple[int, int]]:
    """Yield the longest runs of taken places; padding behind a run comes along."""
    start = 0
    while start < len(taken):
        end = start
        while end < len(taken) and (taken[end] or (padding[end] and end > start)):
            end += 1
        if end > start:
            yield start, end
        start = max(end, start + 1)
