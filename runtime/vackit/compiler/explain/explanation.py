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
from vackit.compiler.explain.timing import Latency
from vackit.compiler.explain.trials import Trial

FORMAT_VERSION = 2


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

    @property
    def is_faulty(self) -> bool:
        """Tell whether no build makes such a block."""
        return any(cause.is_fault for cause in self.causes)

    def to_json(self, before: Trial) -> dict[str, Any]:
        """Return the row as JSON; its trials are compared with ``before``."""
        block, statistics = self.block, self.statistics
        return {
            "rank": self.rank,
            "index": self.index,
            "name": block.name,
            "kind": block.kind,
            "value": block.value,
            "faulty": self.is_faulty,
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
            "cure": None if self.cure is None else self.cure.to_json(before),
            "trials": [trial.to_json(before) for trial in self.trials],
        }


@dataclass(frozen=True)
class Explanation:
    """Everything that is known of one artifact on some images.

    Attributes:
        prefix: The artifact.
        name: The build config's name.
        rows: The worst first.
        outputs: Accumulated noise of each of the network's outputs.
        num_sensitivity_images: How many of the images ``at_outputs`` is measured on.
        before: The artifact as it is: what patches are compared with.
        together: The cures of all rows in one patch; None where there are fewer than two.
        advised: The smallest of all these patches that gains about as much as any; None where
            none is worth it.
        float_latency: Of the float twin on the emulator, batch 1, one thread.
        images: Folder of the images.
        evened: The manifest's ``evened_weights``: what the build itself has mended.
    """

    prefix: str
    name: str
    rows: tuple[Row, ...]
    outputs: dict[str, Noise]
    num_sensitivity_images: int
    before: Trial
    together: Trial | None
    advised: Trial | None
    float_latency: Latency
    images: str
    evened: dict[str, dict[str, Any]]

    @property
    def scores(self) -> Scores:
        """Return the artifact's own."""
        return self.before.scores

    def to_json(self) -> dict[str, Any]:
        """Return the explanation as JSON."""
        before, latency = self.before, self.before.latency
        return {
            "format_version": FORMAT_VERSION,
            "prefix": self.prefix,
            "name": self.name,
            "images": self.images,
            **self.scores.to_json(),
            "num_sensitivity_images": self.num_sensitivity_images,
            "outputs": {name: noise.to_json() for name, noise in self.outputs.items()},
            "latency_ms": None if latency is None else round(latency.median_ms, 4),
            "float_latency_ms": round(self.float_latency.median_ms, 4),
            "latency_is_emulated": True,
            "together": None if self.together is None else self.together.to_json(before),
            "advised": None if self.advised is None else self.advised.to_json(before),
            "evened_weights": self.evened,
            "nodes": [row.to_json(before) for row in self.rows],
            "flips": [
                {"image": f.image, "float": f.floating, "int8": f.integer, "label": f.label}
                for f in self.scores.flips
            ],
        }


def finite(value: float, digits: int = 3) -> float | None:
    """Return ``value`` rounded, None where it is infinite: nothing is lost."""
    return round(value, digits) if math.isfinite(value) else None
