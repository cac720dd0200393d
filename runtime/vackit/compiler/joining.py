# SPDX-License-Identifier: Apache-2.0
"""Give values that a Concat or an Add brings together one scale.

A Concat then only copies. An Add then adds whole steps, and nothing is rounded.
"""

import dataclasses
from collections import Counter

import onnx

from vackit.compiler.graph import consumers, output_names
from vackit.compiler.placement import MOVING, Placement, fused_activation

Ranges = dict[str, tuple[float, float]]

# a range that grows by more than two bits' worth loses more than the copy saves
MAX_WIDENING = 4.0


def join_concats(graph: onnx.GraphProto, placement: Placement, ranges: Ranges) -> Placement:
    """Merge the groups of every integer Concat's inputs and output.

    An integer Concat whose inputs have different scales has to requantize them. They keep
    their own where joining would widen the narrowest by more than `MAX_WIDENING`.

    Args:
        graph: The float graph that ``placement`` was made for.
        placement: Groups by the nodes that move values.
        ranges: Measured (low, high) of every quantized value.

    Returns:
        The placement with merged groups; a group is named by its first value.
    """
    groups = _Groups(placement, ranges)
    for node in graph.node:
        if node.op_type != "Concat" or node.name not in placement.nodes:
            continue
        members = groups.of([*node.input, *node.output])
        narrowest = min((groups.width([group]) for group in members), default=0.0)
        if members and groups.width(members) <= MAX_WIDENING * narrowest:
            groups.merge(members)
    return dataclasses.replace(placement, groups=groups.names)


def join_sums(graph: onnx.GraphProto, placement: Placement, ranges: Ranges) -> Placement:
    """Merge the groups of an integer Add's inputs and output where less is rounded off.

    Rounding a value to steps of s adds s^2 / 12 to its variance. Apart, both inputs and the
    sum are rounded, each to its own step; together the inputs are, to the widest of the three.
    Along a chain of residual blocks that is decided for one sum after the other.

    Args:
        graph: The float graph that ``placement`` was made for.
        placement: Groups by the nodes that move values.
        ranges: Measured (low, high) of every quantized value.

    Returns:
        The placement with merged groups; a group is named by its first value.
    """
    groups = _Groups(placement, ranges)
    moved = {name for node in graph.node if node.op_type in MOVING for name in node.output}
    roundings = Counter(group for name, group in groups.names.items() if name not in moved)
    readers, outputs = consumers(graph), output_names(graph)
    for node in graph.node:
        if node.op_type != "Add" or node.name not in placement.nodes:
            continue
        behind = fused_activation(node, readers, outputs, placement.nodes)
        members = groups.of([*node.input, (behind or node).output[0]])
        apart = sum(roundings[group] * groups.width([group]) ** 2 for group in members)
        count = sum(roundings[group] for group in members) - 1
        if count * groups.width(members) ** 2 < apart:
            roundings[groups.merge(members)] = count
    return dataclasses.replace(placement, groups=groups.names)


class _Groups:
    """The groups of a placement, merged one after the other.

    Attributes:
        names: The group of each value.
    """

    def __init__(self, placement: Placement, ranges: Ranges) -> None:
        self.names = dict(placement.groups)
        # zero belongs to every range
        self._bounds = dict.fromkeys(self.names.values(), (0.0, 0.0))
        for name, group in self.names.items():
            low, high = self._bounds[group]
            self._bounds[group] = (min(low, ranges[name][0]), max(high, ranges[name][1]))

    def of(self, values: list[str]) -> list[str]:
        """Return the groups of some values; none where one of them is not quantized."""
        if not all(name in self.names for name in values):
            return []
        return list(dict.fromkeys(self.names[name] for name in values))

    def width(self, members: list[str]) -> float:
        """Return the width of the range that holds those of some groups."""
        low, high = self._union(members)
        return high - low

    def merge(self, members: list[str]) -> str:
        """Make one group of some; return its name."""
        bounds = self._union(members)
        first = next(group for group in self.names.values() if group in members)
        for name, group in self.names.items():
            if group in members:
                self.names[name] = first
        self._bounds[first] = bounds
        return first

    def _union(self, members: list[str]) -> tuple[float, float]:
        ends = [self._bounds[group] for group in members]
        return min((low for low, _ in ends), default=0.0), max(
            (high for _, high in ends), default=0.0
        )
