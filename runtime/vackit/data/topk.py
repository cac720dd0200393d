# SPDX-License-Identifier: Apache-2.0
"""The one rule by which scores become ranks."""

import numpy as np
from numpy.typing import NDArray

from vackit.errors import DataError


def topk(scores: NDArray[np.floating], k: int) -> NDArray[np.intp]:
    """Return the indices of the ``k`` highest scores, the highest first.

    Equal scores: the lower index first. Leading axes of 1 are dropped.

    Args:
        scores: One score a class, (num_classes,) or (1, ..., num_classes).
        k: At least 1; all indices where there are fewer classes.

    Raises:
        DataError: A score is not a number, or the array does not hold one score a class.
    """
    flat = scores.reshape(-1)
    if flat.size == 0 or scores.shape[-1:] != flat.shape:
        raise DataError(f"scores of shape {scores.shape} are not one row of classes")
    if np.isnan(flat).any():
        index = int(np.isnan(flat).argmax())
        raise DataError(f"the score of class {index} is not a number (NaN)")
    # a stable sort keeps equal scores in the order of their indices
    return np.argsort(-flat.astype(np.float64), kind="stable")[:k]
