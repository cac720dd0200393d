# SPDX-License-Identifier: Apache-2.0
"""Find the smallest patch that mends each of the worst blocks, by trying."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from typing import Any

from numpy.typing import NDArray

from vackit.compiler.explain.explanation import Row
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch, candidates, is_heeded
from vackit.compiler.explain.samples import Sample
from vackit.compiler.explain.timing import Latency, measure_latencies
from vackit.compiler.explain.trials import Maker, Trial, run_trial
from vackit.console import progress

# what a patch must gain at the outputs to be worth writing down
WORTH_DB = 0.3
# a patch mends a block if it takes this much of the noise that the block alone makes
MENDS = 0.5


@dataclass(frozen=True)
class Found:
    """The rows with their cures, and all of these in one patch where there are several."""

    rows: tuple[Row, ...]
    together: Trial | None = None

    @property
    def trials(self) -> list[Trial]:
        """Return every patch that was found, once."""
        cures = [row.cure for row in self.rows if row.cure is not None]
        found = [*cures, *([self.together] if self.together else [])]
        return list({trial.patch: trial for trial in found}.values())


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

    def search(self, rows: Sequence[Row], num_rows: int) -> Found:
        """Try patches on the first ``num_rows`` rows, the smallest first.

        Where there are faults, on these rows alone: what else is wrong shows behind them.

        Args:
            rows: The worst first.
            num_rows: How many of them.
        """
        faulty = [row for row in rows if row.is_faulty]
        first = (faulty or rows)[:num_rows]
        cured = [self._cured(row) for row in progress(first, "trying patches", len(first))]
        together = self._together([row.cure.patch for row in cured if row.cure])
        return Found((*cured, *rows[len(cured) :]), together)

    def _cured(self, row: Row) -> Row:
        trials = self._try(row)
        return dataclasses.replace(row, trials=tuple(trials), cure=choose(self.before, trials, row))

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
        """Return a trial, made once.

        Building anew calibrates with these images, which alone may gain: what is built anew
        has to be better than that.
        """
        if patch not in self.done:
            trial = run_trial(self.maker, patch, self.samples, self.labels)
            again = Patch(rebuild=True)
            if trial.is_rebuilt and patch != again:
                trial = dataclasses.replace(trial, base=self._trial(again).outputs)
            self.done[patch] = trial
        return self.done[patch]

    def _together(self, patches: Sequence[Patch]) -> Trial | None:
        """Return the trial of all patches at once; None where that is one of them alone."""
        if not patches:
            return None
        whole = reduce(Patch.__add__, patches)
        return None if whole in patches else self._trial(whole)


def timed(
    maker: Maker, before: Trial, found: Found, feeds: Mapping[str, NDArray[Any]]
) -> tuple[Trial, Found, Latency]:
    """Measure how long everything takes, all of it side by side.

    Args:
        maker: Makes the graphs.
        before: The artifact as it is.
        found: Its cures.
        feeds: One sample.

    Returns:
        ``before`` and ``found`` with latencies, and the float twin's.
    """
    trials = [before, *found.trials]
    models = [maker.make(trial.patch)[0] for trial in trials]
    twins = maker.twins
    *latencies, floating = measure_latencies([*models, twins.floating], feeds, twins.where)
    done = {
        trial.patch: dataclasses.replace(trial, latency=latency)
        for trial, latency in zip(trials, latencies, strict=True)
    }
    rows = [
        dataclasses.replace(row, cure=done[row.cure.patch]) if row.cure else row
        for row in found.rows
    ]
    together = done[found.together.patch] if found.together else None
    return done[before.patch], Found(tuple(rows), together), floating


def choose(before: Trial, trials: Sequence[Trial], row: Row) -> Trial | None:
    """Return the trial that mends a row, else the one that gains most; None if none gains."""
    mending = next((trial for trial in trials if mends(before, trial, row)), None)
    best = mending or max(trials, key=lambda t: gain_db(before, t), default=None)
    return best if best is not None and gain_db(before, best) >= WORTH_DB else None


def advised(before: Trial, found: Found) -> Trial | None:
    """Return the smallest patch that gains about as much as the best one; None if there is none.

    One that certainly makes the classes worse is none.
    """
    trials = [trial for trial in found.trials if not _is_worse(before, trial)]
    best = max((gain_db(before, trial) for trial in trials), default=0.0)
    good = [trial for trial in trials if gain_db(before, trial) > best - WORTH_DB]
    return min(good, key=lambda trial: trial.patch.size, default=None)


def _is_worse(before: Trial, trial: Trial) -> bool:
    gain = trial.scores.gain_over(before.scores)
    return gain is not None and gain.high < 0


def mends(before: Trial, trial: Trial, row: Row) -> bool:
    """Tell whether a trial takes most of what the row's block alone does to the outputs."""
    start = _relative(_start(before, trial))
    removed = start - _relative(trial.outputs)
    return removed >= MENDS * min(_relative(row.at_outputs), start) and (
        gain_db(before, trial) >= WORTH_DB
    )


def gain_db(before: Trial, trial: Trial) -> float:
    """Return by how much the SQNR of the outputs is better for the patch itself."""
    start = _start(before, trial)
    if trial.outputs.apart == start.apart:
        return 0.0
    return trial.outputs.sqnr_db - start.sqnr_db


def _start(before: Trial, trial: Trial) -> Noise:
    """Return what a trial has to be better than."""
    if trial.base is None:
        return before.outputs
    return min(before.outputs, trial.base, key=_relative)


def _relative(noise: Noise) -> float:
    return noise.apart / (noise.wanted or 1.0)
