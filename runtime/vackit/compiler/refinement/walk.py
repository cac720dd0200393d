# SPDX-License-Identifier: Apache-2.0
"""Carry samples through a float graph and its quantized form, node by node, side by side.

What a node of the quantized form does wrong shows only behind everything that went wrong
before it. Running the whole graph up to every node would take time quadratic in its depth;
here the values that are still to be read are kept instead, and each node runs once. They are
many where pictures are large and few channels deep; samples join the walk as soon as
`BUDGET` has room for them from there on.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.dynamic import at_largest
from vackit.compiler.graph import (
    constants,
    consumers,
    inferred_shapes,
    output_names,
    producers,
    reads,
)
from vackit.compiler.running import open_session, run

Arrays = dict[str, NDArray[Any]]

# bytes of the values kept, where they are most
BUDGET = 64 * 2**20


class Samples(Protocol):
    """Batches of one, by the names of the inputs."""

    def __len__(self) -> int:
        """Return how many there are."""

    def __getitem__(self, index: int, /) -> Arrays:
        """Return one; it may be made anew."""


class Walk:
    """Two graphs of one network on the same samples.

    Args:
        model: The float graph, shapes of all values known to shape inference.
        quantized: Its quantized form; may be changed behind the node that `stops` is at.
        names: What the quantized form calls each value of ``model``.
        where: What to name in errors.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        quantized: onnx.ModelProto,
        names: Mapping[str, str],
        where: object,
    ) -> None:
        self._float, self._quantized = model, quantized
        self._names, self._where = names, where
        self._last_reads = _last_reads(model.graph)
        self._bytes = bytes_kept(model)
        # what a float node has made stays float for the float nodes that read it
        readers = consumers(quantized.graph)
        self._plain = {
            name
            for name in names
            if any(node.op_type != "QuantizeLinear" for node in readers.get(name, []))
        }
        self._types = _element_types(model)
        self._types.update(dict.fromkeys(names.values(), int(onnx.TensorProto.UINT8)))
        self.floats: list[Arrays] = []
        self.integers: list[Arrays] = []

    def stops(self, at: Sequence[onnx.NodeProto], samples: Samples) -> Iterator[onnx.NodeProto]:
        """Yield each node of ``at`` when its inputs are there, before it has run.

        Meanwhile ``floats`` and ``integers`` hold one mapping per sample: the values that
        are still to be read, by the names that each graph gives them.

        Args:
            at: Nodes of the float graph in its order.
            samples: Batches of one, by the names of the inputs; the first ones walk all the
                way, the others join them.
        """
        order = {node.name: position for position, node in enumerate(self._float.graph.node)}
        self.floats, self.integers = [], []
        for node in at:
            position = order[node.name]
            self._carry_to(position, self.floats, self.integers)
            here = len(self.floats)
            room = min(len(samples), max(1, BUDGET // self._bytes[position]))
            # each joining takes two sessions: when they are many, or the last
            if room >= 2 * here or here < room == len(samples):
                floats = [dict(samples[index]) for index in range(here, room)]
                integers = [dict(sample) for sample in floats]
                self._carry_to(position, floats, integers)
                self.floats += floats
                self.integers += integers
            yield node

    def _carry_to(self, position: int, floats: list[Arrays], integers: list[Arrays]) -> None:
        """Run samples up to before a node; drop what nothing from there on reads."""
        if not floats:
            return
        nodes = list(self._float.graph.node)[:position]
        there = {
            *(value.name for value in self._float.graph.input),
            *(name for node in nodes for name in node.output),
        }
        kept = {name for name in there if self._last_reads.get(name, -1) >= position}
        self._carry(self._float, floats, kept)
        inner = {self._names.get(name, name) for name in kept} | (kept & self._plain)
        self._carry(self._quantized, integers, inner)

    def _carry(self, model: onnx.ModelProto, samples: list[Arrays], keep: set[str]) -> None:
        have = sorted(samples[0])
        want = sorted(keep.difference(have))
        if want:
            session = open_session(extract(model, have, want, self._types), self._where, threads=1)
            feeds = [value.name for value in session.get_inputs()]
        for sample in samples:
            if want:
                sample.update(run(session, {name: sample[name] for name in feeds}, self._where))
            for name in set(sample) - keep:
                del sample[name]


def extract(
    model: onnx.ModelProto,
    have: Sequence[str],
    want: Sequence[str],
    types: Mapping[str, int],
) -> onnx.ModelProto:
    """Return the part of a model that makes ``want`` out of ``have``.

    Only what of ``have`` is read becomes an input, without a shape.

    Args:
        model: Left as it is.
        have: Names of values that stop the search.
        want: Names of values of the main graph.
        types: Element types of ``have``; float where it has none.
    """
    makers, known, given = producers(model.graph), constants(model.graph), set(have)
    needed: set[str] = set()
    open_names = list(want)
    while open_names:
        name = open_names.pop()
        if name in needed or not name:
            continue
        needed.add(name)
        if name not in given and name in makers:
            open_names.extend(reads(makers[name]))
    part = onnx.ModelProto(ir_version=model.ir_version)
    part.opset_import.extend(model.opset_import)
    part.graph.name = "part"
    part.graph.node.extend(
        node for node in model.graph.node if not needed.isdisjoint(set(node.output) - given)
    )
    part.graph.initializer.extend(known[name] for name in known if name in needed)
    used = {name for node in part.graph.node for name in reads(node)}
    part.graph.input.extend(
        onnx.helper.make_tensor_value_info(name, types.get(name, onnx.TensorProto.FLOAT), None)
        for name in have
        if name in used
    )
    part.graph.output.extend(onnx.ValueInfoProto(name=name) for name in want)
    return part


def _element_types(model: onnx.ModelProto) -> dict[str, int]:
    graph = onnx.shape_inference.infer_shapes(model).graph
    return {
        value.name: value.type.tensor_type.elem_type
        for value in (*graph.input, *graph.value_info, *graph.output)
    }


def _last_reads(graph: onnx.GraphProto) -> dict[str, int]:
    """Return per value the position of the last node that reads it; outputs last for ever."""
    last = {name: len(graph.node) for name in output_names(graph)}
    positions = {node.name: position for position, node in enumerate(graph.node)}
    for name, readers in consumers(graph).items():
        last.setdefault(name, max(positions[node.name] for node in readers))
    return last


def bytes_kept(model: onnx.ModelProto) -> list[int]:
    """Return per node how many bytes a sample takes at most from before it to the end."""
    shapes, last = inferred_shapes(at_largest(model)), _last_reads(model.graph)
    names = [value.name for value in model.graph.input]
    kept: dict[str, int] = {}
    sizes = []
    for position, node in enumerate(model.graph.node):
        for name in names:
            known = [size for size in shapes.get(name, ())[1:] if isinstance(size, int)]
            # four bytes of a float, one of its quantized form
            kept[name] = 5 * int(np.prod(known))
        kept = {name: size for name, size in kept.items() if last.get(name, -1) >= position}
        sizes.append(max(1, sum(kept.values())))
        names = list(node.output)
    most = np.maximum.accumulate(sizes[::-1])[::-1]
    return [int(size) for size in most]
