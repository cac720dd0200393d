# SPDX-License-Identifier: Apache-2.0
"""Which class comes first, in float32 and in integers."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.intervals import Interval, difference, rate
from vackit.tensors import TensorSpec

MAX_FLIPS = 1000


@dataclass(frozen=True, slots=True)
class Prediction:
    """The first class of one image, and the true one where it is known."""

    image: str
    floating: int
    integer: int
    label: int | None

    @property
    def is_right(self) -> bool:
        """Tell whether integers name the true class, where it is not known float32's."""
        return self.integer == (self.floating if self.label is None else self.label)


@dataclass
class Scores:
    """First classes over images; the rates are in percent, None where they mean nothing.

    An output that holds one number, or a map, names no class: such images are only counted.
    """

    num_images: int = 0
    predictions: list[Prediction] = field(default_factory=list)

    def add(
        self, image: str, floating: NDArray[Any], integer: NDArray[Any], label: int | None
    ) -> None:
        """Take in one image's outputs, batches of one."""
        self.num_images += 1
        is_row = floating.size > 1 and floating.shape[-1] == floating.size == integer.size
        if not is_row:
            return
        first, second = int(np.argmax(floating)), int(np.argmax(integer))
        self.predictions.append(Prediction(image, first, second, label))

    @property
    def labeled(self) -> list[Prediction]:
        """Return the predictions of the images of which the true class is known."""
        return [p for p in self.predictions if p.label is not None]

    @property
    def flips(self) -> list[Prediction]:
        """Return those where integers name another class than float32, the first 1000."""
        return [p for p in self.predictions if p.floating != p.integer][:MAX_FLIPS]

    @property
    def agreement(self) -> Interval | None:
        """Return on how many images both name the same class."""
        agreeing = sum(p.floating == p.integer for p in self.predictions)
        return rate(agreeing, len(self.predictions)) if self.predictions else None

    @property
    def top1_floating(self) -> float | None:
        """Return the float32 twin's top-1."""
        return _percent([p.floating == p.label for p in self.labeled])

    @property
    def top1_integer(self) -> float | None:
        """Return the integer graph's top-1."""
        return _percent([p.integer == p.label for p in self.labeled])

    @property
    def loss(self) -> Interval | None:
        """Return the points that integers lose.

        Of top-1 where there are labels (negative where they gain), else of the agreement.
        """
        labeled = self.labeled
        if labeled:
            lost = sum(p.floating == p.label != p.integer for p in labeled)
            gained = sum(p.integer == p.label != p.floating for p in labeled)
            return difference(lost, gained, len(labeled))
        agreement = self.agreement
        if agreement is None:
            return None
        return Interval(100 - agreement.value, 100 - agreement.high, 100 - agreement.low)

    @property
    def drop(self) -> float | None:
        """Return the points that integers lose, without their interval."""
        return None if self.loss is None else self.loss.value

    def gain_over(self, other: "Scores") -> Interval | None:
        """Return by how many points these are better than others of the same images.

        Of top-1 where there are labels, else of the agreement.
        """
        mine, theirs = (scores.labeled or scores.predictions for scores in (self, other))
        if not mine:
            return None
        pairs = [(a.is_right, b.is_right) for a, b in zip(mine, theirs, strict=True)]
        return difference(pairs.count((True, False)), pairs.count((False, True)), len(pairs))

    def to_json(self) -> dict[str, Any]:
        """Return counts and rates."""
        agreement, loss = self.agreement, self.loss
        return {
            "num_images": self.num_images,
            "num_labeled": len(self.labeled),
            "agreement_percent": None if agreement is None else round(agreement.value, 4),
            "agreement_interval_95": None if agreement is None else agreement.to_json(),
            "top1_float_percent": self.top1_floating,
            "top1_int8_percent": self.top1_integer,
            "drop_points": None if loss is None else round(loss.value, 4),
            "drop_interval_95": None if loss is None else loss.to_json(),
        }


def num_classes(outputs: Sequence[TensorSpec]) -> int | None:
    """Return how many classes the first output tells; None where it is no row of scores."""
    shape = outputs[0].sample_shape
    return shape[-1] if shape and shape[-1] == math.prod(shape) > 1 else None


def _percent(hits: Sequence[bool]) -> float | None:
    return round(100.0 * sum(hits) / len(hits), 4) if hits else None
