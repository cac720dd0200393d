# SPDX-License-Identifier: Apache-2.0
"""In which order a convolution's output channels are to lie."""

from collections.abc import Sequence

import numpy as np

from vackit.compiler.layout.relay import Arrange
from vackit.compiler.layout.roles import Order
from vackit.compiler.layout.uses import Mask


def by_first_use(channels: int, masks: Sequence[Mask]) -> Order:
    """Return the order that puts what the first reader takes in front, then the second's.

    Where readers take disjoint channels, each finds its own in one run.
    """
    keys = [~mask for mask in reversed(masks)]
    return np.lexsort((np.arange(channels), *keys))


def padded_to(multiple: int, max_growth: float) -> Arrange:
    """Return an arrangement that appends zero channels up to a multiple.

    Args:
        multiple: What the kernels work in.
        max_growth: The most added channels, relative to those there are; above it the
            channels stay as they are.
    """

    def arrange(channels: int, masks: Sequence[Mask]) -> Order:
        del masks
        missing = -channels % multiple
        if missing > max_growth * channels:
            missing = 0
        return np.concatenate([np.arange(channels), np.full(missing, -1, np.int64)])

    return arrange
