# SPDX-License-Identifier: Apache-2.0
"""Find which channels must be multiplied together so that a network computes the same.

A convolution may scale each of its output channels, and whoever reads a channel may divide
it out again. Between the two, a ReLU, a pooling or a copy hands a channel's factor on, and
a sum demands one factor for the channels that it adds. Channels bound like this form a
group; a group that anything else reads has to stay as it is.
"""

from collections import Counter
from collections.abc import Iterable

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import (
    attribute,
    constants,
    inferred_shapes,
    output_names,
    reads,
    values_of,
)
from vackit.compiler.layout.roles import Role, input_axis, role
from vackit.compiler.layout.trace import Trace
from vackit.compiler.qdq import channel_axis

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

# positive homogeneous: f(c x) = c f(x) for c > 0
_HOMOGENEOUS = frozenset(
    {
        *("AveragePool", "GlobalAveragePool", "GlobalMaxPool", "LeakyRelu", "MaxPool", "PRelu"),
        "Relu",
    }
)


class ChannelGroups:
    """The groups of a model's channels.

    Args:
        model: float32 with fixed shapes but for the batch; left as it is.

    Attributes:
        values: Per value of two or four axes the group of each channel, shape (channels,).
        fixed: Shape (groups,): whether a group has to keep its scale.
        capped: Shape (groups,): whether a Clip limits it, so that it may only grow.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        shapes = inferred_shapes(model)
        self._graph = model.graph
        self._known = constants(model.graph)
        self._weights = {name: tuple(t.dims) for name, t in self._known.items()}
        self._readers = Counter(name for node in model.graph.node for name in reads(node))
        self._trace = Trace(model, shapes)
        self._starts: dict[str, int] = {}
        self._sizes: dict[str, int] = {}
        total = 0
        for name, shape in shapes.items():
            if name not in self._known and len(shape) in (2, 4) and isinstance(shape[1], int):
                self._starts[name], self._sizes[name] = total, shape[1]
                total += shape[1]
        self._parents = np.arange(total)
        self._pinned: list[Numbers] = []
        self._clipped: list[Numbers] = []
        for node in model.graph.node:
            self._bind(node)
        for name in (*(value.name for value in model.graph.input), *output_names(model.graph)):
            self._pin(name)
        self._settle()

    def absorbs(self, node: onnx.NodeProto) -> bool:
        """Tell whether a node's weights, its own alone, can take up factors on both sides."""
        names = [name for name in node.input[1:] if name]
        return (
            node.op_type in ("Conv", "Gemm")
            and bool(names)
            and all(name in self._known and self._readers[name] == 1 for name in names)
            and role(node, node.input[0], self._weights) is not Role.FIXES
            and node.input[0] in self._starts
            and node.output[0] in self._starts
        )

    def factors_of(self, node: onnx.NodeProto, factors: Doubles) -> tuple[Doubles, Doubles]:
        """Return the factors of a node's input and output, shaped to go with its weight."""
        out = factors[self.values[node.output[0]]]
        shape = [1] * len(self._weights[node.input[1]])
        shape[channel_axis(node)] = -1
        return self.spread(node, factors[self.values[node.input[0]]]), out.reshape(shape)

    def spread(self, node: onnx.NodeProto, channels: Doubles) -> Doubles:
        """Return what is given by input channel shaped to go with a node's weight."""
        shape = [1] * len(self._weights[node.input[1]])
        shape[0 if self._is_depthwise(node) else input_axis(node)] = -1
        return channels.reshape(shape)

    def reach_of(self, node: onnx.NodeProto, weight: Doubles) -> tuple[Doubles, Doubles]:
        """Return the largest entry of a weight by output channel and by input channel."""
        first = channel_axis(node)
        second = 0 if self._is_depthwise(node) else input_axis(node)
        rows = weight.max(axis=tuple(i for i in range(weight.ndim) if i != first))
        columns = weight.max(axis=tuple(i for i in range(weight.ndim) if i != second))
        return rows, columns

    def _is_depthwise(self, node: onnx.NodeProto) -> bool:
        return node.op_type == "Conv" and int(attribute(node, "group", 1)) > 1

    def _elements(self, name: str) -> Numbers | None:
        if name not in self._starts:
            return None
        return np.arange(self._sizes[name]) + self._starts[name]

    def _bind(self, node: onnx.NodeProto) -> None:
        if node.output and node.output[0] in self._trace.moved:
            self._bind_moved(node)
        elif node.op_type in _HOMOGENEOUS and self._reads_one_value(node):
            self._unite(node.input[0], node.output[0])
        elif node.op_type == "Clip" and self._is_relu6(node):
            self._unite(node.input[0], node.output[0])
            elements = self._elements(node.output[0])
            if elements is not None:
                self._clipped.append(elements)
        elif node.op_type == "Add" and self._adds_channels(node):
            for name in node.input:
                self._unite(name, node.output[0])
        else:
            self._bind_weighted(node)

    def _bind_weighted(self, node: onnx.NodeProto) -> None:
        """Leave what constant weights can absorb; pin everything else a node touches."""
        if not self.absorbs(node):
            for name in (*node.input, *node.output):
                self._pin(name)

    def _bind_moved(self, node: onnx.NodeProto) -> None:
        for name in node.output:
            view = self._trace.views.get(name)
            if view is None or self._elements(name) is None:
                self._pin(name)
                for source in node.input:
                    self._pin(source)
                continue
            for root in np.unique(view.roots):
                here = view.roots == root
                start = self._starts[self._trace.roots[root]]
                self._join(start + view.channels[here], self._elements(name)[here])  # type: ignore[index]

    def _is_relu6(self, node: onnx.NodeProto) -> bool:
        bounds = [self._known.get(name) for name in node.input[1:3]]
        return len(bounds) == 2 and bounds[0] is not None and values_of(bounds[0]).item() == 0.0

    def _reads_one_value(self, node: onnx.NodeProto) -> bool:
        """Tell whether all but the first input, a PRelu's slopes, are constant."""
        return len(node.output) == 1 and all(name in self._known for name in node.input[1:])

    def _adds_channels(self, node: onnx.NodeProto) -> bool:
        sizes = {self._sizes.get(name) for name in (*node.input, *node.output)}
        return len(sizes) == 1 and None not in sizes

    def _unite(self, first: str, second: str) -> None:
        one, other = self._elements(first), self._elements(second)
        if one is None or other is None or len(one) != len(other):
            self._pin(first)
            self._pin(second)
            return
        self._join(one, other)

    def _join(self, ones: Iterable[int], others: Iterable[int]) -> None:
        for one, other in zip(ones, others, strict=True):
            a, b = self._find(int(one)), self._find(int(other))
            self._parents[max(a, b)] = min(a, b)

    def _find(self, element: int) -> int:
        while self._parents[element] != element:
            self._parents[element] = self._parents[self._parents[element]]
            element = int(self._parents[element])
        return element

    def _pin(self, name: str) -> None:
        elements = self._elements(name)
        if elements is not None:
            self._pinned.append(elements)

    def _settle(self) -> None:
        roots = np.array([self._find(i) for i in range(len(self._parents))], np.int64)
        _, groups = np.unique(roots, return_inverse=True)
        count = int(groups.max(initial=-1)) + 1
        self.values = {
            name: groups[start : start + self._sizes[name]] for name, start in self._starts.items()
        }
        self.fixed = np.zeros(count, bool)
        self.capped = np.zeros(count, bool)
        for elements in self._pinned:
            self.fixed[groups[elements]] = True
        for elements in self._clipped:
            self.capped[groups[elements]] = True
