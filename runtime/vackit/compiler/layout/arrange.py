# SPDX-License-Identifier: Apache-2.0
"""In which order a convolution's output channels are to lie."""

import numpy as np

from vackit.compiler.layout.relay import Arrange
from vackit.compiler.layout.roles import Order
from vackit.compiler.layout.uses import Uses


def by_first_use(channels: int, uses: Uses) -> Order:
    """Return the order that puts what the first reader takes in front, then the second's.

    Where readers take disjoint channels, each finds its own in one run.
    """
    keys = [~mask for mask in reversed(uses.masks)]
    order: Order = np.lexsort((np.arange(channels), *keys))
    return order


def padded_to(multiple: int, max_growth: float, most_growth: float | None = None) -> Arrange:
    """Return an arrangement that appends zero channels up to a multiple.

    Args:
        multiple: What the kernels work in.
        max_growth: The most added channels, relative to those there are; above it the
            channels stay as they are.
        most_growth: The same where a depthwise convolution reads them, and up to the first
            multiple; None: ``max_growth``.
    """

    def arrange(channels: int, uses: Uses) -> Order:
        missing = -channels % multiple
        is_cheap = uses.depthwise or channels < multiple
        growth = most_growth if is_cheap and most_growth is not None else max_growth
        if missing > growth * channels:
            missing = 0
        return np.concatenate([np.arange(channels), np.full(missing, -1, np.int64)])

    return arrange
