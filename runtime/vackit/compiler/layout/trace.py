# SPDX-License-Identifier: Apache-2.0
"""Follow single channels through the nodes that only move data.

Exporters write a channel split and a channel shuffle in many ways (Split, Slices, Gathers;
Reshape-Transpose-Reshape on three or five axes). None of them is matched here by its form:
every element of a value gets a number, the nodes that move data are executed on the
numbers, and what comes out says where each channel came from.
"""

import logging
from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper
from onnx.reference import ReferenceEvaluator

from vackit.compiler.graph import Shape, constants, values_of

logger = logging.getLogger(__name__)

# nodes that move or select elements of their first input (Concat: of every input)
MOVES = frozenset(
    {
        "Concat",
        "Flatten",
        "Gather",
        "Identity",
        "Reshape",
        "Slice",
        "Split",
        "Squeeze",
        "Transpose",
        "Unsqueeze",
    }
)
# two samples tell a channel's number from a sample's
_SAMPLES = 2
# bits of an element's number that count within its root; the bits above name the root
_ROOT_SHIFT = 40
_ELEMENT_MASK = (1 << _ROOT_SHIFT) - 1

Numbers = NDArray[np.int64]


@dataclass(frozen=True)
class View:
    """Where the channels of a moved value lie.

    Attributes:
        roots: Shape (channels,), each an index into `Trace.roots`.
        channels: Shape (channels,), each a channel of that root.
        rank: 4 for images, 2 for their flattened form (height and width 1).
    """

    roots: Numbers
    channels: Numbers
    rank: int

    @property
    def repeats(self) -> bool:
        """Tell whether a channel of a root stands here twice."""
        pairs = self.roots << 32 | self.channels
        return bool(len(np.unique(pairs)) < len(pairs))


class Trace:
    """The views of a model's moved values.

    Args:
        model: The batch axis free or of any size; shapes otherwise fixed.
        shapes: Of its values (`vackit.compiler.graph.inferred_shapes`).

    Attributes:
        roots: Names of the values that channels are taken from.
        moved: Names of the values that moving nodes make of them.
        views: By name; a moved value whose channels do not stay whole has none.
    """

    def __init__(self, model: onnx.ModelProto, shapes: dict[str, Shape]) -> None:
        self.roots: list[str] = []
        self.moved: set[str] = set()
        self.views: dict[str, View] = {}
        self._opsets = model.opset_import
        self._shapes = shapes
        self._numbers: dict[str, Numbers] = {}
        self._constants = {name: values_of(t) for name, t in constants(model.graph).items()}
        for node in model.graph.node:
            if node.op_type in MOVES:
                self._follow(node)
        for name in self.moved:
            if (view := self._view(self._numbers[name])) is not None:
                self.views[name] = view

    def rank(self, name: str) -> int:
        """Return the rank of a root or of a moved value."""
        return self._numbers[name].ndim

    def _follow(self, node: onnx.NodeProto) -> None:
        names = [name for name in node.input if name]
        sources = names if node.op_type == "Concat" else names[:1]
        if any(name not in self._constants for name in names[len(sources) :]):
            return
        feeds = {name: numbers for name in sources if (numbers := self._number(name)) is not None}
        if len(feeds) < len(set(sources)):
            return
        made = self._execute(node, feeds | {n: self._constants[n] for n in names if n not in feeds})
        self._numbers |= made
        self.moved |= made.keys()

    def _number(self, name: str) -> Numbers | None:
        """Return the numbers of a value's elements; it becomes a root where it has none."""
        if name not in self._numbers:
            shape = self._shapes.get(name)
            if name in self._constants or not shape or len(shape) not in (2, 4):
                return None
            sizes = [dim for dim in shape[1:] if isinstance(dim, int)]
            if len(sizes) < len(shape) - 1:
                return None
            whole = (_SAMPLES, *sizes)
            first = len(self.roots) << _ROOT_SHIFT
            self.roots.append(name)
            self._numbers[name] = first + np.arange(np.prod(whole), dtype=np.int64).reshape(whole)
        return self._numbers[name]

    def _execute(self, node: onnx.NodeProto, feeds: dict[str, Numbers]) -> dict[str, Numbers]:
        inputs = [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(array.dtype), list(array.shape)
            )
            for name, array in feeds.items()
        ]
        outputs = [onnx.ValueInfoProto(name=name) for name in node.output]
        graph = helper.make_graph([node], "move", inputs, outputs)
        model = helper.make_model(graph, opset_imports=self._opsets)
        try:
            results = ReferenceEvaluator(model).run(None, feeds)
        except (
            Exception
        ) as error:  # e.g. a Reshape to a batch of one: its class is numpy's or onnx's
            logger.debug("%s is not traced: %s", node.name, error)
            return {}
        return {name: np.asarray(r) for name, r in zip(node.output, results, strict=True)}

    def _view(self, numbers: Numbers) -> View | None:
        if numbers.ndim not in (2, 4) or numbers.shape[0] != _SAMPLES:
            return None
        planes = _planes(numbers)
        roots = planes[0, :, 0] >> _ROOT_SHIFT
        channels = np.empty_like(roots)
        for root in np.unique(roots):
            here = roots == root
            source = _planes(self._numbers[self.roots[root]])
            if source.shape[2] != planes.shape[2]:
                return None
            channels[here] = (planes[0, here, 0] & _ELEMENT_MASK) // source.shape[2]
            if channels[here].max() >= source.shape[1]:  # of another sample: axis 0 has moved
                return None
            if not np.array_equal(planes[:, here], source[:, channels[here]]):
                return None
        return View(roots, channels, numbers.ndim)


def _planes(numbers: Numbers) -> Numbers:
    return numbers.reshape(numbers.shape[0], numbers.shape[1], -1)
