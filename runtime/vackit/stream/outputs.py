# SPDX-License-Identifier: Apache-2.0
"""Outputs as results carry them, whatever way they were made: float16, as a card gives them.

Ranks must not depend on the road that an output took to its file.
"""

import logging
from typing import Any

import numpy as np
from numpy.typing import NDArray

logger = logging.getLogger(__name__)


def as_float16(output: NDArray[Any], place: str) -> NDArray[Any]:
    """Return floats rounded to float16; integers stay as they are.

    Args:
        output: Any shape.
        place: Named in the warning where finite values exceed float16 (65504).
    """
    if output.dtype.kind != "f" or output.dtype == np.float16:
        return output
    with np.errstate(over="ignore"):
        half = output.astype(np.float16)
    if np.isinf(half).any() and np.isfinite(output).all():
        logger.warning("%s: an output exceeds float16 (65504) and becomes infinite", place)
    return half
