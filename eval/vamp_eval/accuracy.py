# SPDX-License-Identifier: Apache-2.0
"""Top-1 and top-5 accuracy of ranked predictions, by class index."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from vackit.errors import EvaluationError
from vamp_eval.wilson import wilson_interval


@dataclass(frozen=True)
class Accuracy:
    """How many images were told right.

    Attributes:
        n: Number of images.
        top1_count: Of those, how many have the true class first.
        top5_count: How many have it among the first ``top5_depth``.
        top5_depth: 5, or the number of ranks where there are fewer.
    """

    n: int
    top1_count: int
    top5_count: int
    top5_depth: int = 5

    @property
    def top1(self) -> float:
        """Return top-1 accuracy in percent."""
        return 100 * self.top1_count / self.n

    @property
    def top5(self) -> float:
        """Return top-5 accuracy in percent."""
        return 100 * self.top5_count / self.n

    def summary(self) -> str:
        """Return the line that every evaluation prints, percent with three decimals."""
        return f"[VACC]:  top1_rate: {self.top1:.3f} top5_rate: {self.top5:.3f}"

    def details(self) -> str:
        """Return counts and 95 % intervals as one line."""
        low1, high1 = wilson_interval(self.top1_count, self.n)
        low5, high5 = wilson_interval(self.top5_count, self.n)
        return (
            f"{self.n} images, top-1 {self.top1_count} (95 % interval {low1:.2f} to "
            f"{high1:.2f}), top-{self.top5_depth} {self.top5_count} "
            f"({low5:.2f} to {high5:.2f})"
        )

    def to_json(self) -> dict[str, Any]:
        """Return every number by name; rates and interval ends in percent, unrounded."""
        return {
            "n": self.n,
            "top1": self.top1,
            "top5": self.top5,
            "top1_count": self.top1_count,
            "top5_count": self.top5_count,
            "top1_interval_95": list(wilson_interval(self.top1_count, self.n)),
            "top5_interval_95": list(wilson_interval(self.top5_count, self.n)),
            "top5_depth": self.top5_depth,
        }


def score(ranked: Iterable[Sequence[int]], truth: Sequence[int]) -> Accuracy:
    """Count the images whose true class is ranked first, and among the first five.

    Args:
        ranked: Class indices of each image, best first; equally many for each.
        truth: The true class index of each image.

    Raises:
        EvaluationError: There is no image, or the images have different numbers of ranks.
    """
    top1 = top5 = 0
    depths = set()
    for indices, true_index in zip(ranked, truth, strict=True):
        first = list(indices[:5])
        depths.add(len(first))
        top1 += first[:1] == [true_index]
        top5 += true_index in first
    if not truth:
        raise EvaluationError("there is no result to evaluate")
    if len(depths) > 1:
        raise EvaluationError(f"images have different numbers of ranks: {sorted(depths)}")
    return Accuracy(len(truth), top1, top5, depths.pop())
