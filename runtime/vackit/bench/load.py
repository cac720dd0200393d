# SPDX-License-Identifier: Apache-2.0
"""Generate load in one process: instances that each keep one batch in flight.

A closed loop: an instance submits a batch of samples to its own stream, waits for all of
them and submits the next. A request's latency runs from its submit to its result in the
hands of whoever submitted it.
"""

import threading
import time
from array import array
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vackit.bench.inputs import Shape, random_sample
from vackit.config.vdsp import VdspParams
from vackit.devices.registry import get_device
from vackit.stream.graph import Graph, make_graph
from vackit.stream.stream import Stream


@dataclass(frozen=True)
class LoadPlan:
    """What to measure and how.

    Attributes:
        prefix: The artifact.
        device: As `get_device` takes it.
        vdsp: Preprocessing that is measured too; None: inference alone.
        shapes: As `random_sample` takes them.
        instances: In every process.
        processes: Operating system processes.
        batch_size: Samples that an instance keeps in flight and executes together.
        warmup: Batches of every instance before the clock starts.
        seconds: How long; ignored where `iterations` is given.
        iterations: Batches of every instance.
    """

    prefix: Path
    device: str
    vdsp: VdspParams | None = None
    shapes: tuple[Shape, ...] = ()
    instances: int = 1
    processes: int = 1
    batch_size: int = 1
    warmup: int = 10
    seconds: float = 5.0
    iterations: int | None = None


@dataclass(frozen=True)
class LoadResult:
    """What one process measured: one latency a sample, and the wall time of them all.

    ``description`` is the program's, ``max_batch`` its limit, ``sample`` says what was run.
    """

    latencies_ns: "array[int]"
    duration_s: float
    description: dict[str, Any]
    max_batch: int | None
    sample: str


def run_load(plan: LoadPlan, go: Callable[[], None] = lambda: None) -> LoadResult:
    """Load the artifact, warm up, call ``go`` (which may wait) and measure.

    Raises:
        VackitError: The artifact, the device or the shapes; what the device raises.
    """
    device = get_device(plan.device)
    with device.load(device.open(plan.prefix)) as program:
        graph = make_graph(program, plan.vdsp)
        sample, text = random_sample(program, plan.vdsp, plan.shapes)
        latencies, duration_s = _Instances(graph, sample, plan).measure(go)
        return LoadResult(
            latencies,
            duration_s,
            program.describe(),
            program.max_batch,
            text,
        )


class _Instances:
    """The instances of one process on one graph."""

    def __init__(self, graph: Graph, sample: Any, plan: LoadPlan) -> None:
        self._graph = graph
        self._sample = sample
        self._plan = plan
        self._stop = threading.Event()

    def measure(self, go: Callable[[], None]) -> "tuple[array[int], float]":
        plan = self._plan
        with ExitStack() as stack:
            pool = stack.enter_context(ThreadPoolExecutor(plan.instances))
            stack.callback(self._stop.set)  # before the pool is waited for
            streams = [stack.enter_context(self._stream()) for _ in range(plan.instances)]
            list(pool.map(lambda stream: self._loop(stream, plan.warmup), streams))
            go()
            start = time.perf_counter()
            deadline = start + plan.seconds if plan.iterations is None else None
            parts = list(
                pool.map(lambda stream: self._loop(stream, plan.iterations, deadline), streams)
            )
            duration_s = time.perf_counter() - start
        return sum(parts[1:], parts[0]), duration_s

    def _stream(self) -> Stream:
        # an instance submits whole batches, so waiting for a full one never waits in vain
        return Stream(self._graph, max_batch=self._plan.batch_size, max_delay_us=None)

    def _loop(
        self, stream: Stream, iterations: int | None, deadline: float | None = None
    ) -> "array[int]":
        latencies = array("q")
        done = 0
        while done != iterations and not self._stop.is_set():
            if deadline is not None and time.perf_counter() >= deadline and done:
                break
            latencies.extend(self._batch(stream))
            done += 1
        return latencies

    def _batch(self, stream: Stream) -> list[int]:
        now = time.perf_counter_ns
        requests = [(now(), stream.submit(self._sample)) for _ in range(self._plan.batch_size)]
        latencies = []
        for start, future in requests:
            future.result()
            latencies.append(now() - start)
        return latencies
