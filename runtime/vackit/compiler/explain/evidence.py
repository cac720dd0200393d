# SPDX-License-Identifier: Apache-2.0
"""What is known of a block, and what is said of why it loses what it loses.

The thresholds are this project's: nodes of well-behaved networks stay below them, and a
factor of 4 is what two of the eight bits represent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Block, Step
from vackit.compiler.explain.measure import BlockStatistics
from vackit.compiler.explain.noise import Noise

# two bits
MUCH = 4.0
# three bits: channels of one tensor differ by two of them in many a healthy network
FAR = 8.0


@dataclass(frozen=True)
class Cause:
    """Why: a word for programs, and a sentence with the numbers.

    ``factor`` is by how much something stands out; 0 where that is no ratio. A note is worth
    knowing, but makes nothing of the error. A fault is nothing that a build makes.
    """

    kind: str
    text: str
    factor: float = 0.0
    is_note: bool = False
    is_fault: bool = False


@dataclass(frozen=True)
class Evidence:
    """What is known of one block.

    Attributes:
        block: The block.
        statistics: Its own.
        ranges: Low and high of every rounded value of the network, by name.
        groups: The values that share each scale, by the scale's name.
        evened: The manifest's ``evened_weights``, by node.
        recorded: The manifest's ``ranges``, by the value that each group is named after.
        cut: The manifest's ``cut_ranges``: as measured, of values whose ends no reader tells
            apart.
        changed: What of its node is not as the build left it: ``weights``, ``bias``.
        steps: How each value of the network is rounded, by name.
        at_outputs: Noise at the network's outputs from this block alone.
    """

    block: Block
    statistics: BlockStatistics
    ranges: Mapping[str, tuple[float, float]]
    groups: Mapping[str, Sequence[str]]
    evened: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    recorded: Mapping[str, Sequence[float]] = field(default_factory=dict)
    cut: Mapping[str, Sequence[float]] = field(default_factory=dict)
    changed: frozenset[str] = frozenset()
    steps: Mapping[str, Step] = field(default_factory=dict)
    at_outputs: Noise = field(default_factory=Noise)

    @property
    def weights_share(self) -> float:
        """Return which part of the block's own error its weights make, 0 to 1.

        By the middle one of the channels: the loudest would speak for all.
        """
        weights = self.statistics.by_weights.typical
        rounding = self.statistics.by_rounding.typical
        return weights / (weights + rounding) if weights + rounding else 0.0


def ratio_text(large: float, small: float) -> str:
    """Return how many times ``small`` goes into ``large``, in words."""
    return f"{large / small:.3g} times" if small else "beyond any ratio"


def channels_text(which: NDArray[np.bool_]) -> str:
    """Return which output channels are meant: the one, or how many of them."""
    count = int(which.sum())
    if count == 1:
        return f"output channel {int(np.argmax(which))}"
    return f"{count} of {which.size} output channels"
