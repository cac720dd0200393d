# SPDX-License-Identifier: Apache-2.0
"""How long graphs take on the emulator, side by side: batch 1, one thread."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import onnx
from numpy.typing import NDArray

from vackit.compiler.explain.intervals import Interval, middle
from vackit.compiler.explain.sessions import Runner
from vackit.compiler.lowering import lower

# a median of fewer says little, more than these say no more
FEWEST_ROUNDS, MOST_ROUNDS = 21, 201
ENOUGH_S = 4.0
_WARM_UP = 3


@dataclass(frozen=True)
class Latency:
    """One graph's latencies in ms, round by round."""

    rounds_ms: tuple[float, ...]

    @property
    def median_ms(self) -> float:
        """Return the middle one."""
        return middle(self.rounds_ms).value

    def change_from(self, other: "Latency") -> Interval:
        """Return by how many percent it is slower than another of the same rounds."""
        pairs = zip(self.rounds_ms, other.rounds_ms, strict=True)
        return middle([100 * (mine / theirs - 1) for mine, theirs in pairs])


def measure_latencies(
    models: Sequence[onnx.ModelProto], feeds: Mapping[str, NDArray[Any]], where: str
) -> list[Latency]:
    """Return each model's latencies, lowered as in artifacts, measured in turns.

    In turns, because whatever else the machine does then slows all of them alike; what is
    compared is one round's runs. Each run is timed behind one that is not: the graph before
    it has taken the caches.
    """
    runners = [Runner(lower(model), where, threads=1) for model in models]
    times: list[list[float]] = [[] for _ in runners]
    begun = time.perf_counter()
    for turn in range(_WARM_UP + MOST_ROUNDS):
        for runner, spent in zip(runners, times, strict=True):
            runner(feeds)
            start = time.perf_counter()
            runner(feeds)
            if turn >= _WARM_UP:
                spent.append((time.perf_counter() - start) * 1e3)
        is_late = time.perf_counter() - begun > ENOUGH_S
        if is_late and len(times[0]) >= FEWEST_ROUNDS:
            break
    return [Latency(tuple(spent)) for spent in times]
