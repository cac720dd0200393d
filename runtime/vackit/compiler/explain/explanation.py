# SPDX-License-Identifier: Apache-2.0
"""What an explanation says, ready for JSON, a table or a page."""

import math
from dataclasses import dataclass
from typing import Any

from vackit.compiler.explain.blocks import Block
from vackit.compiler.explain.evidence import Cause
from vackit.compiler.explain.measure import BlockStatistics
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.ranking import is_crippled
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.trials import Trial

FORMAT_VERSION = 1


@dataclass(frozen=True)
class Row:
    """One block, explained.

    Attributes:
        rank: From 1, the worst first.
        index: Of the block in topological order, from 0.
        block: The block.
        statistics: Over the images.
        at_outputs: Noise at the network's outputs from this block alone.
        weights_share: Which part of its own error its weights make, 0 to 1.
        causes: The most telling first.
        trials: Patches tried on it, the smallest first.
        cure: The smallest of these that mends it; None where none does, or none was tried.
    """

    rank: int
    index: int
    block: Block
    statistics: BlockStatistics
    at_outputs: Noise
    weights_share: float
    causes: tuple[Cause, ...]
    trials: tuple[Trial, ...] = ()
    cure: Trial | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON."""
        block, statistics = self.block, self.statistics
        return {
            "rank": self.rank,
            "index": self.index,
            "name": block.name,
            "kind": block.kind,
            "value": block.value,
            "crippled": is_crippled(statistics),
            "single": {
                **statistics.single.to_json(),
                "typical_channel_sqnr_db": finite(statistics.channels.typical_db),
                "at_outputs": self.at_outputs.to_json(),
                "weights_share": round(self.weights_share, 4),
            },
            "entire": statistics.entire.to_json(),
            "range": None if block.step is None else [block.step.low, block.step.high],
            "seen": [statistics.low, statistics.high],
            "saturated_share": round(statistics.saturated_share, 6),
            "causes": [{"kind": cause.kind, "text": cause.text} for cause in self.causes],
            "cure": None if self.cure is None else self.cure.to_json(),
            "trials": [trial.to_json() for trial in self.trials],
        }


@dataclass(frozen=True)
class Explanation:
    """Everything that is known of one artifact on some images.

    Attributes:
        prefix: The artifact.
        name: The build config's name.
        rows: The worst first.
        outputs: Accumulated noise of each of the network's outputs.
        scores: Of the artifact.
        num_sensitivity_images: How many of the images ``at_outputs`` is measured on.
        before: The artifact as it is: what patches are compared with.
        together: The cures of all rows in one patch; None where there are fewer than two.
        latency_ms: Of the artifact on the emulator, batch 1, one thread; None: not measured.
        float_latency_ms: Of its float twin, likewise.
        images: Folder of the images.
        evened: The manifest's ``evened_weights``: what the build itself has mended.
    """

    prefix: str
    name: str
    rows: tuple[Row, ...]
    outputs: dict[str, Noise]
    scores: Scores
    num_sensitivity_images: int
    before: Trial
    together: Trial | None
    latency_ms: float | None
    float_latency_ms: float | None
    images: str
    evened: dict[str, dict[str, Any]]

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        return {
            "format_version": FORMAT_VERSION,
            "prefix": self.prefix,
            "name": self.name,
            "images": self.images,
            **self.scores.to_json(),
            "num_sensitivity_images": self.num_sensitivity_images,
            "outputs": {name: noise.to_json() for name, noise in self.outputs.items()},
            "latency_ms": rounded(self.latency_ms),
            "float_latency_ms": rounded(self.float_latency_ms),
            "latency_is_emulated": True,
            "together": None if self.together is None else self.together.to_json(),
            "evened_weights": self.evened,
            "nodes": [row.to_json() for row in self.rows],
            "flips": [
                {"image": f.image, "float": f.floating, "int8": f.integer, "label": f.label}
                for f in self.scores.flips
            ],
        }


def finite(value: float, digits: int = 3) -> float | None:
    """Return ``value`` rounded, None where it is infinite: nothing is lost."""
    return round(value, digits) if math.isfinite(value) else None


def rounded(value: float | None) -> float | None:
    """Return a latency with 4 digits."""
    return None if value is None else round(value, 4)
