# SPDX-License-Identifier: Apache-2.0
"""Find the smallest patch that mends each of the worst blocks, by trying."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from numpy.typing import NDArray

from vackit.compiler.explain.explanation import Row
from vackit.compiler.explain.patches import Patch, candidates, is_heeded
from vackit.compiler.explain.samples import Sample
from vackit.compiler.explain.sessions import interleaved_medians_ms
from vackit.compiler.explain.trials import Maker, Trial, run_trial
from vackit.console import progress

# what a patch must gain at the outputs to be worth writing down
WORTH_DB = 0.3
# a patch mends a block if it takes this much of the noise that the block alone makes
MENDS = 0.5
LATENCY_ROUNDS = 31


@dataclass(frozen=True)
class Found:
    """The rows with their cures, what these are compared with, and all of them together."""

    rows: tuple[Row, ...]
    before: Trial
    together: Trial | None


@dataclass(frozen=True)
class CureSearch:
    """Tries patches on an artifact.

    Attributes:
        maker: Makes the graphs.
        samples: To score on; gone through once a patch.
        labels: True class by path; empty where they are not known.
        before: The artifact as it is.
        done: Trials by patch: rows often need the same.
    """

    maker: Maker
    samples: Iterable[Sample]
    labels: Mapping[str, int]
    before: Trial
    done: dict[Patch, Trial] = field(default_factory=dict)

    def search(
        self, rows: Sequence[Row], num_rows: int, feeds: Mapping[str, NDArray[Any]]
    ) -> Found:
        """Try patches on the first ``num_rows`` rows, the smallest first.

        Args:
            rows: The worst first.
            num_rows: How many of them.
            feeds: One sample, to measure latencies with.
        """
        first = rows[:num_rows]
        tried = [self._try(row) for row in progress(first, "trying patches", len(first))]
        chosen = [
            choose(self.before, trials, row) for row, trials in zip(first, tried, strict=True)
        ]
        together = self._together([trial.patch for trial in chosen if trial])
        timed = self._timed([self.before, *chosen, together], feeds)
        cured = [
            dataclasses.replace(
                row, trials=tuple(trials), cure=timed[trial.patch] if trial else None
            )
            for row, trials, trial in zip(first, tried, chosen, strict=True)
        ]
        whole = timed[together.patch] if together else None
        return Found((*cured, *rows[num_rows:]), timed[self.before.patch], whole)

    def _try(self, row: Row) -> list[Trial]:
        """Try what may mend a row, as far as the first that does."""
        trials: list[Trial] = []
        twin = self.maker.twins.floating
        for patch in candidates(row.block, row.causes, self.maker.quantize, twin.graph):
            if is_heeded(patch, twin):
                trials.append(self._trial(patch))
                if mends(self.before, trials[-1], row):
                    break
        return trials

    def _trial(self, patch: Patch) -> Trial:
        if patch not in self.done:
            self.done[patch] = run_trial(self.maker, patch, self.samples, self.labels)
        return self.done[patch]

    def _together(self, patches: Sequence[Patch]) -> Trial | None:
        """Return the trial of all patches at once; None where that is one of them alone."""
        if not patches:
            return None
        whole = reduce(Patch.__add__, patches)
        return None if whole in patches else self._trial(whole)

    def _timed(
        self, trials: Sequence[Trial | None], feeds: Mapping[str, NDArray[Any]]
    ) -> dict[Patch, Trial]:
        unique = {trial.patch: trial for trial in trials if trial is not None}
        models = [self.maker.make(patch)[0] for patch in unique]
        where = self.maker.twins.where
        medians = interleaved_medians_ms(models, feeds, where, LATENCY_ROUNDS)
        return {
            patch: dataclasses.replace(trial, latency_ms=median)
            for (patch, trial), median in zip(unique.items(), medians, strict=True)
        }


def choose(before: Trial, trials: Sequence[Trial], row: Row) -> Trial | None:
    """Return the trial that mends a row, else the one that gains most; None if none gains."""
    mending = next((trial for trial in trials if mends(before, trial, row)), None)
    best = mending or max(trials, key=lambda t: gain_db(before, t), default=None)
    return best if best is not None and gain_db(before, best) >= WORTH_DB else None


def mends(before: Trial, trial: Trial, row: Row) -> bool:
    """Tell whether a trial takes most of what the row's block alone does to the outputs."""
    removed = _relative(before) - _relative(trial)
    own = row.at_outputs.apart / (row.at_outputs.wanted or 1.0)
    return removed >= MENDS * min(own, _relative(before)) and gain_db(before, trial) >= WORTH_DB


def gain_db(before: Trial, trial: Trial) -> float:
    """Return by how much the SQNR of the outputs is better than before."""
    if trial.outputs.apart == before.outputs.apart:
        return 0.0
    return trial.outputs.sqnr_db - before.outputs.sqnr_db


def _relative(trial: Trial) -> float:
    return trial.outputs.apart / (trial.outputs.wanted or 1.0)
