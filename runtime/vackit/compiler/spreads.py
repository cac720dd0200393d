# SPDX-License-Identifier: Apache-2.0
"""How far apart the weights of a node's output channels are, before and after equalization."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx

from vackit.compiler.graph import constants, values_of
from vackit.compiler.placement import WEIGHTED, Placement
from vackit.compiler.qdq import channel_axis

# what equalization has to take away from a spread to be worth a line: two of eight bits
NOTABLE = 4.0


@dataclass(frozen=True)
class Spread:
    """The output channel that stands out most: its largest weight over the median channel's."""

    channel: int
    ratio: float


def spreads(model: onnx.ModelProto, placement: Placement) -> dict[str, Spread]:
    """Return the spread of every node of ``placement`` that has weights."""
    known = constants(model.graph)
    found = {}
    for node in model.graph.node:
        if node.name in placement.nodes and node.op_type in WEIGHTED:
            weight = np.moveaxis(values_of(known[node.input[1]]), channel_axis(node), 0)
            found[node.name] = _spread(np.abs(weight.reshape(len(weight), -1)).max(axis=1))
    return found


def _spread(maxima: Any) -> Spread:
    alive = maxima[maxima > 0]
    if not alive.size:
        return Spread(0, 1.0)
    return Spread(int(np.argmax(maxima)), float(maxima.max() / np.median(alive)))


def evened(before: dict[str, Spread], after: dict[str, Spread]) -> dict[str, dict[str, Any]]:
    """Return what equalization took away, for the manifest, the widest first."""
    notable = {
        name: {
            "channel": spread.channel,
            "ratio_before": round(spread.ratio, 2),
            "ratio_after": round(after[name].ratio, 2),
        }
        for name, spread in before.items()
        if name in after and spread.ratio >= NOTABLE * max(after[name].ratio, 1.0)
    }
    return dict(sorted(notable.items(), key=lambda item: (-item[1]["ratio_before"], item[0])))
