# SPDX-License-Identifier: Apache-2.0
"""Who reads which channels of each origin, and whose order has to stay."""

from dataclasses import dataclass, field

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import Shape, constants, output_names, producers, reads
from vackit.compiler.layout.roles import Role, role
from vackit.compiler.layout.trace import Trace

Mask = NDArray[np.bool_]


@dataclass
class Uses:
    """How an origin's channels are read.

    Attributes:
        masks: Shape (channels,) for each reader, in the graph's order: what it takes.
        pinned: Somebody reads the channels by their place.
    """

    masks: list[Mask] = field(default_factory=list)
    pinned: bool = False


class Survey:
    """The uses of every origin of a model."""

    def __init__(self, model: onnx.ModelProto, trace: Trace, shapes: dict[str, Shape]) -> None:
        self.trace = trace
        self.weights = {n: tuple(t.dims) for n, t in constants(model.graph).items()}
        self._shapes = shapes
        self._makers = producers(model.graph)
        self._uses: dict[str, Uses] = {}
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

    def origin(self, name: str) -> str:
        """Return the value whose order ``name`` has: back through nodes that carry."""
        while (node := self._makers.get(name)) is not None and name not in self.trace.moved:
            source = node.input[0] if node.input else ""
            if not source or source in self.weights or source in self.trace.moved:
                break
            if role(node, source, self.weights) is not Role.CARRIES:
                break
            name = source
        return name

    def follows(self, node: onnx.NodeProto, name: str) -> bool:
        """Tell whether ``node`` can read the channels of ``name`` in another order."""
        kind = role(node, name, self.weights)
        if kind is Role.CARRIES and self.of(node.output[0]).pinned:
            return False
        if name not in self.trace.moved:
            return kind is not Role.FIXES
        view = self.trace.views.get(name)
        return kind is not Role.FIXES and view is not None and not view.repeats

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
            elif role(node, name, self.weights) is Role.MIXES and self.channels(name):
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
