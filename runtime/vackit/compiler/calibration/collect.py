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

from vackit.compiler.calibration.statistics import UNBOUNDED, Bounds, Statistics
from vackit.compiler.graph import constants, copy_model, values_of
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
        workers: Images that run at a time; None: `default_workers`.
        interval: Images between two saves.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        names: Sequence[str],
        where: object,
        *,
        workers: int | None = None,
        interval: int = INTERVAL,
    ) -> None:
        self._names = tuple(names)
        known = bounds_of(model.graph)
        self._bounds = [known.get(name, UNBOUNDED) for name in names]
        self._where = where
        self._workers = workers or default_workers()
        self._interval = interval
        self._num_started = 0
        self._session = open_session(with_outputs(model, names), where, threads=1)

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
                if not part.observe(index, values.pop(name), self._bounds[index]):
                    raise CalibrationError(
                        f"value '{name}' holds NaN or infinity for this sample", where=source
                    )
            part.num_images += 1
        finally:
            free.put(part)


def _merge(parts: list[Statistics], state: State) -> None:
    for part in parts:
        state.total.merge(part)


def bounds_of(graph: onnx.GraphProto) -> dict[str, Bounds]:
    """Return what the results of Relu and of Clip with constant bounds cannot exceed."""
    known = constants(graph)
    bounds: dict[str, Bounds] = {}
    for node in graph.node:
        if node.op_type == "Relu":
            bounds[node.output[0]] = (0.0, UNBOUNDED[1])
        elif node.op_type == "Clip":
            ends = [known.get(name) for name in node.input[1:3]]
            if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
                low, high = (float(values_of(end).item()) for end in ends if end is not None)
                bounds[node.output[0]] = (low, high)
    return bounds


def with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    """Return a copy of ``model`` whose outputs are ``names``, inputs left out."""
    tapped = copy_model(model)
    graph = tapped.graph
    have = {value.name: value for value in graph.output}
    inputs = {value.name for value in graph.input}
    wanted = [have.get(n) or onnx.ValueInfoProto(name=n) for n in names if n not in inputs]
    outputs = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in wanted]
    if outputs:
        del graph.output[:]
        graph.output.extend(outputs)
    return tapped
