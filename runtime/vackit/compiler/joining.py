# SPDX-License-Identifier: Apache-2.0
"""Give values that a Concat or an Add brings together one scale.

A Concat then only copies. An Add then adds whole steps, and nothing is rounded.
"""

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
    groups = dict(placement.groups)
    widths = _widths(groups, ranges)
    for node in graph.node:
        if node.op_type != "Concat" or node.name not in placement.nodes:
            continue
        names = [*node.input, *node.output]
        if not all(name in groups for name in names):
            continue
        members = list(dict.fromkeys(groups[name] for name in names))
        low, high = _union(members, widths)
        narrowest = min(_width(widths[group]) for group in members)
        if high - low > MAX_WIDENING * narrowest:
            continue
        groups, first = _merged(groups, members)
        widths[first] = (low, high)
    return Placement(placement.nodes, groups)


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
    groups = dict(placement.groups)
    widths = _widths(groups, ranges)
    moved = {name for node in graph.node if node.op_type in MOVING for name in node.output}
    roundings = Counter(group for name, group in groups.items() if name not in moved)
    readers, outputs = consumers(graph), output_names(graph)
    for node in graph.node:
        if node.op_type != "Add" or node.name not in placement.nodes:
            continue
        behind = fused_activation(node, readers, outputs, placement.nodes)
        names = [*node.input, (behind or node).output[0]]
        if not all(name in groups for name in names):
            continue
        members = list(dict.fromkeys(groups[name] for name in names))
        low, high = _union(members, widths)
        apart = sum(roundings[group] * _width(widths[group]) ** 2 for group in members)
        count = sum(roundings[group] for group in members) - 1
        if count * (high - low) ** 2 >= apart:
            continue
        groups, first = _merged(groups, members)
        widths[first], roundings[first] = (low, high), count
    return Placement(placement.nodes, groups)


def _merged(groups: dict[str, str], members: list[str]) -> tuple[dict[str, str], str]:
    first = next(group for group in groups.values() if group in members)
    return {n: first if group in members else group for n, group in groups.items()}, first


def _union(members: list[str], widths: Ranges) -> tuple[float, float]:
    return min(widths[group][0] for group in members), max(widths[group][1] for group in members)


def _width(bounds: tuple[float, float]) -> float:
    return bounds[1] - bounds[0]


def _widths(groups: dict[str, str], ranges: Ranges) -> Ranges:
    """Return the range of each group; zero belongs to every range."""
    widths: Ranges = {}
    for name, group in groups.items():
        low, high = ranges[name]
        before = widths.get(group, (0.0, 0.0))
        widths[group] = (min(low, before[0]), max(high, before[1]))
    return widths
