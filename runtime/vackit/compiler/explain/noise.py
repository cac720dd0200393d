# SPDX-License-Identifier: Apache-2.0
"""How far values are from what they should be: sums over any number of arrays."""

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass
class Noise:
    """Squares summed in float64: of the values wanted, of those got, of their difference."""

    wanted: float = 0.0
    got: float = 0.0
    apart: float = 0.0

    def add(self, wanted: NDArray[Any], got: NDArray[Any]) -> None:
        """Take in one pair of arrays.

        Where a detector finds another number of things, nothing tells which are the same:
        then all that was wanted counts as lost.
        """
        a = np.asarray(wanted, np.float32).ravel()
        b = np.asarray(got, np.float32).ravel()
        b = b if b.size == a.size else np.zeros_like(a)
        apart = a - b
        self.wanted += float(np.dot(a, a))
        self.got += float(np.dot(b, b))
        self.apart += float(np.dot(apart, apart))

    @property
    def sqnr_db(self) -> float:
        """Return 10 log10(signal / noise); infinite without noise, for no signal minus infinity."""
        if self.apart == 0:
            return math.inf
        return 10 * math.log10(self.wanted / self.apart) if self.wanted else -math.inf

    @property
    def cosine(self) -> float:
        """Return the cosine of the angle between what was wanted and what was got."""
        if self.wanted == 0 or self.got == 0:
            return float(self.wanted == self.got)
        product = (self.wanted + self.got - self.apart) / 2
        return min(1.0, product / math.sqrt(self.wanted * self.got))

    def to_json(self) -> dict[str, float | None]:
        """Return both measures; the SQNR null where it is infinite: nothing is lost."""
        sqnr = self.sqnr_db
        return {
            "sqnr_db": round(sqnr, 3) if math.isfinite(sqnr) else None,
            "cosine": round(self.cosine, 6),
        }


@dataclass
class ChannelNoise:
    """Squares summed per channel, in float64; arrays are (channels, rest)."""

    wanted: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    apart: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))

    def add(self, wanted: NDArray[np.float32], got: NDArray[np.float32]) -> None:
        """Take in one pair of arrays."""
        apart = wanted - got
        if self.wanted.size == 0:
            self.wanted, self.apart = np.zeros((2, len(wanted)))
        self.wanted = self.wanted + np.einsum("ij,ij->i", wanted, wanted)
        self.apart = self.apart + np.einsum("ij,ij->i", apart, apart)

    @property
    def relative(self) -> NDArray[np.float64]:
        """Return noise / signal of every channel that has a signal."""
        alive = self.wanted > 0
        return self.apart[alive] / self.wanted[alive]

    @property
    def typical(self) -> float:
        """Return the median over the channels of noise / signal; 0 without a signal."""
        relative = self.relative
        return float(np.median(relative)) if relative.size else 0.0

    @property
    def typical_db(self) -> float:
        """Return the same as an SQNR: what the middle one of the channels keeps.

        The SQNR of all is that of the loudest channels: where one is a hundred times the
        others, they may be lost and it shows nothing.
        """
        return -10 * math.log10(self.typical) if self.typical > 0 else math.inf
