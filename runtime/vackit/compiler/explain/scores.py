# SPDX-License-Identifier: Apache-2.0
"""Which class comes first, in float32 and in integers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.tensors import TensorSpec

MAX_FLIPS = 1000


@dataclass(frozen=True)
class Flip:
    """An image whose first class is another one in integers."""

    image: str
    floating: int
    integer: int
    label: int | None


@dataclass
class Scores:
    """Counts over images; the rates are in percent, None where they mean nothing.

    An output that holds one number, or a map, names no class: then nothing is counted.
    """

    num_images: int = 0
    num_ranked: int = 0
    num_labeled: int = 0
    num_agreeing: int = 0
    num_right_floating: int = 0
    num_right_integer: int = 0
    flips: list[Flip] = field(default_factory=list)

    def add(
        self, image: str, floating: NDArray[Any], integer: NDArray[Any], label: int | None
    ) -> None:
        """Take in one image's outputs, batches of one."""
        self.num_images += 1
        if floating.size < 2 or floating.shape[-1] != floating.size:
            return
        first, second = int(np.argmax(floating)), int(np.argmax(integer))
        self.num_ranked += 1
        self.num_agreeing += first == second
        if label is not None:
            self.num_labeled += 1
            self.num_right_floating += first == label
            self.num_right_integer += second == label
        if first != second and len(self.flips) < MAX_FLIPS:
            self.flips.append(Flip(image, first, second, label))

    @property
    def agreement(self) -> float | None:
        """Return on how many images both name the same class, in percent."""
        return _percent(self.num_agreeing, self.num_ranked)

    @property
    def top1_floating(self) -> float | None:
        """Return the float32 twin's top-1, in percent."""
        return _percent(self.num_right_floating, self.num_labeled)

    @property
    def top1_integer(self) -> float | None:
        """Return the integer graph's top-1, in percent."""
        return _percent(self.num_right_integer, self.num_labeled)

    @property
    def drop(self) -> float | None:
        """Return the points that integers lose.

        Of top-1 where there are labels (negative where they gain), else of the agreement.
        """
        if self.num_labeled:
            lost = self.num_right_floating - self.num_right_integer
            return 100.0 * lost / self.num_labeled
        return None if self.agreement is None else 100.0 - self.agreement

    def to_json(self) -> dict[str, Any]:
        """Return counts and rates."""
        return {
            "num_images": self.num_images,
            "num_labeled": self.num_labeled,
            "agreement_percent": self.agreement,
            "top1_float_percent": self.top1_floating,
            "top1_int8_percent": self.top1_integer,
            "drop_points": self.drop,
        }


def num_classes(outputs: Sequence[TensorSpec]) -> int | None:
    """Return how many classes the first output tells; None where it is no row of scores."""
    shape = outputs[0].sample_shape
    return shape[-1] if shape and shape[-1] == math.prod(shape) > 1 else None


def _percent(count: int, of: int) -> float | None:
    return round(100.0 * count / of, 4) if of else None
