# SPDX-License-Identifier: Apache-2.0
"""Give values that a Concat brings together one scale, so that it only copies."""

import onnx

from vackit.compiler.placement import Placement

Ranges = dict[str, tuple[float, float]]

# a range that grows by more than two bits' worth loses more than the copy saves
MAX_WIDENING = 4.0


def join_concats(graph: onnx.GraphProto, placement: Placement, ranges: Ranges) -> Placement:
    """Merge the groups of every integer Concat's inputs and output.

    An integer Concat whose inputs have different scales has to requantize them. They keep
    their own where joining would widen the narrowest by more than `MAX_WIDENING`.

    Sums are not joined: an integer Add rescales both of its inputs in any case.

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
        low = min(widths[group][0] for group in members)
        high = max(widths[group][1] for group in members)
        narrowest = min(widths[group][1] - widths[group][0] for group in members)
        if high - low > MAX_WIDENING * narrowest:
            continue
        first = next(group for group in groups.values() if group in members)
        groups = {name: first if group in members else group for name, group in groups.items()}
        widths[first] = (low, high)
    return Placement(placement.nodes, groups)


def _widths(groups: dict[str, str], ranges: Ranges) -> Ranges:
    """Return the range of each group; zero belongs to every range."""
    widths: Ranges = {}
    for name, group in groups.items():
        low, high = ranges[name]
        before = widths.get(group, (0.0, 0.0))
        widths[group] = (min(low, before[0]), max(high, before[1]))
    return widths
