# SPDX-License-Identifier: Apache-2.0
"""Run a model over the calibration set once and gather the statistics of its values.

Every image runs alone and on one thread, several of them at the same time; what they add up
to is exact (see `statistics`). So the result is the same to the bit whatever the number of
workers and wherever the work was interrupted, and memory does not grow with the set.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice, pairwise
from queue import SimpleQueue
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.calibration.statistics import MOST, Statistics
from vackit.compiler.calibration.taps import Arrays, Tap, tap
from vackit.compiler.running import open_session, run
from vackit.errors import CalibrationError

Feeds = Mapping[str, NDArray[Any]]
# what to name in errors, and a batch of one
Samples = Iterator[tuple[str, Feeds]]

# images between two saves: what a killed build loses at most
INTERVAL = 64
# each worker holds one image's values; beyond four, memory costs more than they bring
MAX_WORKERS = 4


@dataclass
class State:
    """How far the work has come.

    Attributes:
        total: Of the first ``total.num_images`` images.
        early_low, early_high: Extremes after three quarters of the images, or so far: they
            tell whether the rest still widened the ranges.
    """

    total: Statistics
    early_low: NDArray[np.float64] = field(init=False)
    early_high: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        self.early_low, self.early_high = self.total.low.copy(), self.total.high.copy()


def default_workers() -> int:
    """Return how many images to run at a time: one per processor that is ours, up to four."""
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(ours or 1, MAX_WORKERS)


class Collector:
    """Gathers the statistics of some values of a model.

    Args:
        model: float32; left as it is.
        names: Values of its main graph, inputs included.
        where: What to name when the model itself does not run.
        samples: Elements of a value that its histogram takes of one image, as the states'.
        workers: Images that run at a time; None: `default_workers`.
        interval: Images between two saves.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        names: Sequence[str],
        where: object,
        *,
        samples: int = MOST,
        workers: int | None = None,
        interval: int = INTERVAL,
    ) -> None:
        self._names = tuple(names)
        self._where = where
        self._workers = workers or default_workers()
        self._interval = interval
        self._num_started = 0
        tapped, self._taps = tap(model, names, samples)
        self._session = open_session(tapped, where, threads=1)

    def collect(
        self,
        samples: Samples,
        num_images: int,
        state: State,
        save: Callable[[State], None] = lambda _: None,
    ) -> None:
        """Observe the images that ``state`` has not seen yet, and keep it up to date.

        Args:
            samples: The images from number ``state.total.num_images`` on; pulled in this
                thread while the workers run, and no further ahead than they can take.
            num_images: Of the whole set.
            state: Where to go on from.
            save: Called with what was reached: every so many images, at the end, and before
                KeyboardInterrupt leaves this method.

        Raises:
            CalibrationError: A value holds NaN or infinity for one of the images.
        """
        early = 3 * num_images // 4
        start = state.total.num_images
        stops = {start, num_images, *range(self._interval, num_images, self._interval), early}
        for begin, end in pairwise(sorted(stop for stop in stops if stop >= start)):
            self._observe_all(islice(samples, end - begin), state, save)
            if end <= early:
                state.early_low, state.early_high = state.total.low.copy(), state.total.high.copy()
            save(state)

    def _observe_all(self, samples: Samples, state: State, save: Callable[[State], None]) -> None:
        parts = [Statistics(len(self._names), state.total.samples) for _ in range(self._workers)]
        self._num_started = 0
        try:
            self._spread(samples, parts)
        except KeyboardInterrupt:
            # images start in order: once all of these are done, they are the first ones
            if sum(part.num_images for part in parts) == self._num_started:
                _merge(parts, state)
                save(state)
            raise
        _merge(parts, state)

    def _spread(self, samples: Samples, parts: list[Statistics]) -> None:
        free: SimpleQueue[Statistics] = SimpleQueue()
        for part in parts:
            free.put(part)
        running: deque[Future[None]] = deque()
        with ThreadPoolExecutor(len(parts)) as pool:
            for source, feeds in samples:
                self._num_started += 1
                running.append(pool.submit(self._observe, source, feeds, free))
                if len(running) > len(parts):
                    running.popleft().result()
            for future in running:
                future.result()

    def _observe(self, source: str, feeds: Feeds, free: "SimpleQueue[Statistics]") -> None:
        values = {**feeds, **run(self._session, feeds, self._where)}
        part = free.get()
        try:
            for index, name in enumerate(self._names):
                if not _take(part, index, self._taps[index], values):
                    raise CalibrationError(
                        f"value '{name}' holds NaN or infinity for this sample", where=source
                    )
            part.num_images += 1
        finally:
            free.put(part)


def _take(part: Statistics, index: int, tap: Tap, values: Arrays) -> bool:
    """Take in one image's elements of a value; tell whether they are finite."""
    found = tap.elements(values)
    if tap.share == 1:
        return part.observe(index, found, tap.bounds)
    with np.errstate(invalid="ignore"):
        low, high = float(found.min()), float(found.max())
    # any NaN or infinity of the value is a NaN in `found`, hence first: nothing is below NaN
    ends = [float(values[name]) for name in tap.extremes]
    low, high = min(low, *ends), max(high, *ends)
    return part.take_in(index, found, low, high, num_seen=tap.share * found.size)


def _merge(parts: list[Statistics], state: State) -> None:
    for part in parts:
        state.total.merge(part)
