# SPDX-License-Identifier: Apache-2.0
"""Choose which nodes to leave in float, and how many of them."""

from collections.abc import Callable, Collection, Sequence
from functools import reduce

import onnx

from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.causes import MINOR
from vackit.compiler.explain.evidence import Evidence
from vackit.compiler.explain.measure import measure
from vackit.compiler.explain.patches import Patch, is_heeded, readers_of, skip
from vackit.compiler.explain.samples import Sample
from vackit.compiler.explain.sensitivity import Sensitivity
from vackit.compiler.explain.twins import Twins
from vackit.compiler.placement import WEIGHTED
from vackit.console import progress

# of the nodes with weights: with more of them in float it is no int8 build
MOST_IN_FLOAT = 0.5


def worst_first(twins: Twins, few: Sequence[Sample], cut: Collection[str] = ()) -> list[Patch]:
    """Return for every block the nodes to leave in float for it, the worst block first.

    Args:
        twins: The graphs.
        few: What every block is measured by itself on.
        cut: As for `measure`.
    """
    blocks = find_blocks(twins)
    statistics = measure(twins, blocks, few, {}, cut).blocks
    sensitivity = Sensitivity(twins, [feeds for _, feeds in few])
    noises = [
        sensitivity.of(block).sqnr_db for block in progress(blocks, "one by one", len(blocks))
    ]
    found: dict[Patch, None] = {}
    for index in sorted(range(len(blocks)), key=noises.__getitem__):
        block = blocks[index]
        share = Evidence(block, statistics[index], {}, {}).weights_share
        names = [block.name] if share >= MINOR else []
        if share <= 1 - MINOR:
            names += readers_of(block, twins.floating.graph)
        patch = skip(names, twins.floating.graph)
        if patch and is_heeded(patch, twins.floating):
            found[patch] = None
    return list(found)


def affordable(order: Sequence[Patch], graph: onnx.GraphProto) -> list[Patch]:
    """Return the first of ``order``, as many as leave enough of a graph in integers."""
    most = int(MOST_IN_FLOAT * sum(node.op_type in WEIGHTED for node in graph.node))
    counts = [len(joined(order[: i + 1]).nodes) for i in range(len(order))]
    return list(order[: sum(count <= most for count in counts)])


def fewest(count: int, suffices: Callable[[int], bool]) -> int:
    """Return how many of ``count`` suffice: doubled until they do, then halved between.

    Where not even all of them do, all.
    """
    if count == 0:
        return 0
    too_few, enough = 0, 1
    while not suffices(enough):
        if enough >= count:
            return count
        too_few, enough = enough, min(2 * enough, count)
    while enough - too_few > 1:
        middle = (too_few + enough) // 2
        if suffices(middle):
            enough = middle
        else:
            too_few = middle
    return enough


def joined(patches: Sequence[Patch]) -> Patch:
    """Return all of ``patches`` in one."""
    return reduce(Patch.__add__, patches, Patch())
