# SPDX-License-Identifier: Apache-2.0
"""Put blocks in order, the worst first."""

import math

from vackit.compiler.explain.measure import BlockStatistics
from vackit.compiler.explain.noise import Noise

# two bits of the middle one of its channels: below, most of what a block says is lost
CRIPPLED_DB = 12.0
# blocks this close are equally bad, and the first of them is where it begins
_SAME_DB = 3.0


def is_crippled(statistics: BlockStatistics) -> bool:
    """Tell whether most of a block's channels lose all but two bits."""
    return statistics.channels.typical_db < CRIPPLED_DB


def severity(
    index: int, statistics: BlockStatistics, at_outputs: Noise, *, is_faulty: bool
) -> tuple[float, ...]:
    """Return a sort key, the worst first.

    Blocks that no build makes come first, whatever they do to the outputs of these images.
    Crippled blocks follow, in the order of their channels' loss: their harm here may be small
    where one loud channel drowns the others. The rest is ordered by the lower of a block's own
    two figures: at its own output and at the network's.

    Args:
        index: Of the block in topological order.
        statistics: Of the block.
        at_outputs: Noise at the outputs from this block alone.
        is_faulty: One of its causes is a fault.
    """
    harm = min(statistics.single.sqnr_db, at_outputs.sqnr_db)
    if is_faulty:
        return 0, harm, index
    if is_crippled(statistics):
        steps = math.floor(max(statistics.channels.typical_db, 0.0) / _SAME_DB)
        return 1, steps, index
    return 2, harm, index
