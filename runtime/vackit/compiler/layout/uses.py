# SPDX-License-Identifier: Apache-2.0
"""Who reads which channels of each origin, and whose order has to stay."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import (
    Shape,
    attribute,
    constants,
    output_names,
    producers,
    reads,
    values_of,
)
from vackit.compiler.layout.elementwise import ELEMENTWISE, combined
from vackit.compiler.layout.roles import Role, role
from vackit.compiler.layout.trace import Trace

Mask = NDArray[np.bool_]


@dataclass
class Uses:
    """How an origin's channels are read.

    Attributes:
        masks: Shape (channels,) for each reader, in the graph's order: what it takes.
        pinned: Somebody reads the channels by their place.
        depthwise: A depthwise convolution is among the readers.
    """

    masks: list[Mask] = field(default_factory=list)
    pinned: bool = False
    depthwise: bool = False


class Survey:
    """The uses of every origin of a model."""

    def __init__(self, model: onnx.ModelProto, trace: Trace, shapes: dict[str, Shape]) -> None:
        self.trace = trace
        self.weights = {n: tuple(t.dims) for n, t in constants(model.graph).items()}
        self._shapes = shapes
        self._makers = producers(model.graph)
        self._known = constants(model.graph)
        self._uses: dict[str, Uses] = {}
        self._origins: dict[str, str] = {}
        for name in sorted(output_names(model.graph)):
            self._pin(name)
        # readers first: a node that must not change pins what it reads in turn
        for node in reversed(model.graph.node):
            self._visit(node)

    def of(self, name: str) -> Uses:
        """Return the uses of the origin of ``name``."""
        return self._uses.setdefault(self.origin(name), Uses())

    def channels(self, name: str) -> int:
        """Return the number of channels of a value, 0 where its shape is not known."""
        shape = self._shapes.get(name) or ()
        size = shape[1] if len(shape) > 1 else None
        return size if isinstance(size, int) else 0

    def source(self, node: onnx.NodeProto) -> str:
        """Return the first activation that a node reads, empty where there is none."""
        return next((name for name in node.input if name and name not in self.weights), "")

    def kind(self, node: onnx.NodeProto, name: str) -> Role:
        """Return how ``node`` reads the channels of ``name``, given all shapes."""
        if node.op_type in ELEMENTWISE:
            names = combined(node, self._shapes, self.weights)
            return Role.CARRIES if name in names else Role.FIXES
        if node.op_type in ("ReduceMax", "ReduceMean"):
            return Role.CARRIES if self._reduces_picture(node) else Role.FIXES
        if node.op_type == "MatMul" and len(self._shapes.get(name, ())) != 2:
            # it sums over the last axis, which is the channels' only where there are two
            return Role.FIXES
        return role(node, name, self.weights)

    def origin(self, name: str) -> str:
        """Return the value whose order ``name`` has: back through nodes that carry."""
        if name not in self._origins:
            self._origins[name] = self._find_origin(name)
        return self._origins[name]

    def follows(self, node: onnx.NodeProto, name: str) -> bool:
        """Tell whether ``node`` can read the channels of ``name`` in another order."""
        kind = self.kind(node, name)
        if kind is Role.CARRIES and self.of(node.output[0]).pinned:
            return False
        if node.op_type in ELEMENTWISE and len(self._activations(node)) > 1:
            # all of them have one order, or none of them gets a new one
            return kind is not Role.FIXES and self.origin(node.output[0]) != node.output[0]
        if name not in self.trace.moved:
            return kind is not Role.FIXES
        view = self.trace.views.get(name)
        return kind is not Role.FIXES and view is not None and not view.repeats

    def rank(self, name: str) -> int:
        """Return the number of axes of a value, 0 where it is not known."""
        return len(self._shapes.get(name) or ())

    def _activations(self, node: onnx.NodeProto) -> list[str]:
        return [name for name in dict.fromkeys(node.input) if name and name not in self.weights]

    def _find_origin(self, name: str) -> str:
        node = self._makers.get(name)
        if node is None or name in self.trace.moved:
            return name
        names = self._activations(node) if node.op_type in ELEMENTWISE else [self.source(node)]
        for source in names:
            is_bare = not source or source in self.trace.moved
            if is_bare or self.kind(node, source) is not Role.CARRIES:
                return name
        origins = {self.origin(source) for source in names}
        return origins.pop() if len(origins) == 1 else name

    def _reduces_picture(self, node: onnx.NodeProto) -> bool:
        axes = attribute(node, "axes")
        if len(node.input) > 1 and node.input[1] in self._known:
            axes = values_of(self._known[node.input[1]]).tolist()
        return self.rank(node.input[0]) == 4 and sorted(a % 4 for a in axes or ()) == [2, 3]

    def _visit(self, node: onnx.NodeProto) -> None:
        if node.output and node.output[0] in self.trace.moved:
            return
        for name in dict.fromkeys(reads(node)):
            if name in self.weights:
                continue
            if not self.follows(node, name):
                self._pin(name)
            elif name in self.trace.moved:
                self._take_view(name)
            elif node.op_type == "Conv" and self.kind(node, name) is Role.CARRIES:
                self.of(name).depthwise = True
            elif self.kind(node, name) is Role.MIXES and self.channels(name):
                self.of(name).masks.insert(0, np.ones(self.channels(name), bool))

    def _take_view(self, name: str) -> None:
        view = self.trace.views[name]
        for root in np.unique(view.roots):
            source = self.trace.roots[root]
            mask = np.zeros(self.channels(source), bool)
            mask[view.channels[view.roots == root]] = True
            self.of(source).masks.insert(0, mask)

    def _pin(self, name: str) -> None:
        """Fix the order of a value; of everything that flows into it where it is moved."""
        if name not in self.trace.moved:
            self.of(name).pinned = True
            return
        for source in self._makers[name].input:
            if source and source not in self.weights:
                self._pin(source)
