# SPDX-License-Identifier: Apache-2.0
"""Put what was measured of every block together: in order, with causes."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import onnx

from vackit.compiler.explain.blocks import Block
from vackit.compiler.explain.causes import find_causes
from vackit.compiler.explain.evidence import Evidence
from vackit.compiler.explain.explanation import Row
from vackit.compiler.explain.measure import BlockStatistics
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.ranking import severity
from vackit.compiler.fingerprints import fingerprints


def make_rows(
    blocks: Sequence[Block],
    statistics: Sequence[BlockStatistics],
    at_outputs: Sequence[Noise],
    record: Mapping[str, Any],
    changed: Mapping[str, frozenset[str]],
) -> tuple[Row, ...]:
    """Return a row per block, the worst first.

    Args:
        blocks: In topological order.
        statistics: Theirs.
        at_outputs: Noise at the network's outputs from each alone.
        record: The manifest's ``quantization``; empty where it is not known.
        changed: By node what is not as the build left it, from `changes`.
    """
    ranges, groups = _shared(blocks, statistics)
    steps = {block.value: block.step for block in blocks if block.step is not None}
    evened, recorded = record.get("evened_weights", {}), record.get("ranges", {})
    rows = []
    for index, (block, sums, noise) in enumerate(zip(blocks, statistics, at_outputs, strict=True)):
        what, cut = changed.get(block.name, frozenset()), record.get("cut_ranges", {})
        evidence = Evidence(block, sums, ranges, groups, evened, recorded, cut, what, steps, noise)
        share, causes = evidence.weights_share, find_causes(evidence)
        rows.append(Row(0, index, block, sums, noise, share, causes))
    rows.sort(key=_severity)
    return tuple(dataclasses.replace(row, rank=rank) for rank, row in enumerate(rows, 1))


def changes(graph: onnx.GraphProto, record: Mapping[str, Any]) -> dict[str, frozenset[str]]:
    """Return by node which of its ``weights`` and ``bias`` are not as the build left them.

    Args:
        graph: The integer one.
        record: The manifest's ``quantization``; without fingerprints nothing can be told.
    """
    now, found = fingerprints(graph), {}
    for name, before in record.get("fingerprints", {}).items():
        pairs = zip(("weights", "bias"), before, now.get(name, ["", ""]), strict=True)
        found[name] = frozenset(what for what, was, is_now in pairs if was != is_now)
    return found


def _severity(row: Row) -> tuple[float, ...]:
    return severity(row.index, row.statistics, row.at_outputs, is_faulty=row.is_faulty)


def _shared(
    blocks: Sequence[Block], statistics: Sequence[BlockStatistics]
) -> tuple[dict[str, tuple[float, float]], dict[str, list[str]]]:
    """Return each rounded value's range on the images, and the values of each scale."""
    ranges: dict[str, tuple[float, float]] = {}
    groups: dict[str, list[str]] = {}
    for block, sums in zip(blocks, statistics, strict=True):
        if block.step is not None:
            ranges[block.value] = (sums.low, sums.high)
            groups.setdefault(block.step.group, []).append(block.value)
    return ranges, groups
