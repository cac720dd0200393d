# SPDX-License-Identifier: Apache-2.0
"""The running stream: order, batches, back-pressure, errors, closing."""

import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.devices.base import Program
from vackit.errors import DeviceExecutionError, StreamClosedError, StreamError, UsageError
from vackit.stream.batcher import SampleFuture
from vackit.stream.graph import Graph, make_graph
from vackit.stream.model_operator import ModelOperator
from vackit.stream.stream import Stream

SECONDS = 20.0  # a wait that ends this late is a hang


def sample(value: float) -> NDArray[np.float32]:
    return np.array([value], np.float32)


def value(outputs: list[NDArray[Any]]) -> float:
    assert len(outputs) == 1
    assert outputs[0].shape == (1, 1)
    return float(outputs[0][0, 0])


@pytest.fixture
def graph(program: Program) -> Graph:
    return make_graph(program)


def test_run_sync_returns_the_samples_outputs(graph: Graph) -> None:
    with Stream(graph) as stream:
        assert value(stream.run_sync(sample(3))) == 6


@pytest.mark.parametrize("max_delay_us", [0, 1000, None], ids=["no delay", "delay", "full"])
@pytest.mark.parametrize(("workers", "max_batch"), [(1, 1), (3, 1), (1, 4), (3, 4)])
def test_map_keeps_the_order(
    graph: Graph, workers: int, max_batch: int, max_delay_us: int | None
) -> None:
    with Stream(graph, workers=workers, max_batch=max_batch, max_delay_us=max_delay_us) as stream:
        got = [value(outputs) for outputs in stream.map(sample(i) for i in range(99))]
    assert got == [2 * i for i in range(99)]


@pytest.mark.parametrize("queue_size", [1, 2, 3, 8, 40])
def test_map_waits_for_no_batch_that_it_would_have_to_fill(graph: Graph, queue_size: int) -> None:
    with Stream(graph, max_batch=8, max_delay_us=None, queue_size=queue_size) as stream:
        got = [value(outputs) for outputs in stream.map(sample(i) for i in range(99))]
    assert got == [2 * i for i in range(99)]


def test_map_reads_only_a_little_ahead(graph: Graph) -> None:
    read: list[int] = []

    def samples() -> Any:
        for i in range(1000):
            read.append(i)
            yield sample(i)

    with Stream(graph, queue_size=3) as stream:
        next(iter(stream.map(samples())))
        assert len(read) < 10


def test_map_of_nothing_is_nothing(graph: Graph) -> None:
    with Stream(graph) as stream:
        assert list(stream.map([])) == []


def test_full_batches_are_contiguous_and_the_rest_is_flushed(graph: Graph, device: Any) -> None:
    with Stream(graph, workers=2, max_batch=4, max_delay_us=None) as stream:
        list(stream.map(sample(i) for i in range(10)))
        list(stream.map([sample(10)]))
    batches = sorted(device.batches)
    assert batches == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9], [10]]


def test_waiting_samples_of_all_callers_are_executed_together(graph: Graph, device: Any) -> None:
    device.gate.clear()
    with Stream(graph, max_batch=4, queue_size=8) as stream:
        first = stream.submit(sample(0))
        assert device.started.acquire(timeout=SECONDS)
        with ThreadPoolExecutor(6) as callers:
            waiting = list(callers.map(lambda i: stream.submit(sample(i)), range(1, 7)))
        device.gate.set()
        assert value(first.result(SECONDS)) == 0
        assert [value(f.result(SECONDS)) for f in waiting] == [2 * i for i in range(1, 7)]
    assert [len(batch) for batch in device.batches] == [1, 4, 2]


def test_max_delay_ends_the_wait_of_a_batch_that_does_not_fill(graph: Graph) -> None:
    with Stream(graph, max_batch=64, max_delay_us=500) as stream:
        assert value(stream.submit(sample(1)).result(SECONDS)) == 2


def test_run_sync_waits_for_no_batch_to_fill(graph: Graph) -> None:
    with Stream(graph, max_batch=64, max_delay_us=None) as stream:
        got: list[float] = []
        caller = threading.Thread(target=lambda: got.append(value(stream.run_sync(sample(1)))))
        caller.start()
        caller.join(SECONDS)
        assert got == [2]


def test_closing_the_input_ends_the_wait_of_a_batch_that_does_not_fill(graph: Graph) -> None:
    stream = Stream(graph, max_batch=64, max_delay_us=None)
    future = stream.submit(sample(1))
    stream.close_input()
    assert value(future.result(SECONDS)) == 2
    stream.wait()


def test_many_threads_get_the_outputs_of_their_own_samples(graph: Graph) -> None:
    def run(start: int) -> list[float]:
        return [value(stream.run_sync(sample(start + i))) for i in range(50)]

    with Stream(graph, workers=3, max_batch=4) as stream, ThreadPoolExecutor(8) as callers:
        for start, got in zip(
            range(0, 8000, 1000), callers.map(run, range(0, 8000, 1000)), strict=True
        ):
            assert got == [2 * (start + i) for i in range(50)]


def test_submit_blocks_while_the_queue_is_full(graph: Graph, device: Any) -> None:
    device.gate.clear()
    with Stream(graph, queue_size=2) as stream:
        under_way = stream.submit(sample(0))
        assert device.started.acquire(timeout=SECONDS)
        waiting = [stream.submit(sample(1)), stream.submit(sample(2))]
        blocked: list[Future[Any]] = []
        caller = threading.Thread(target=lambda: blocked.append(stream.submit(sample(3))))
        caller.start()
        caller.join(0.05)  # long enough to see a submit that does not block
        assert caller.is_alive()
        device.gate.set()
        caller.join(SECONDS)
        assert [value(f.result(SECONDS)) for f in [under_way, *waiting, *blocked]] == [0, 2, 4, 6]


def test_a_sample_that_fails_in_preparation_fails_alone(graph: Graph, device: Any) -> None:
    device.gate.clear()
    with Stream(graph, max_batch=4, queue_size=8) as stream:
        stream.submit(sample(0))
        assert device.started.acquire(timeout=SECONDS)
        samples = [sample(1), np.zeros((2, 2), np.float32), sample(3)]
        futures = [stream.submit(one) for one in samples]
        device.gate.set()
        assert value(futures[0].result(SECONDS)) == 2
        with pytest.raises(StreamError, match=r"takes one sample of shape \(1,\), got \(2, 2\)"):
            futures[1].result(SECONDS)
        assert value(futures[2].result(SECONDS)) == 6


def test_a_sample_that_fails_on_the_device_fails_alone(graph: Graph) -> None:
    with Stream(graph, max_batch=4, max_delay_us=None) as stream:
        futures = [stream.submit(sample(i)) for i in (1, 2, -1, 4)]
        with pytest.raises(RuntimeError, match="the device chokes on -1"):
            futures[2].result(SECONDS)
        assert [value(futures[i].result(SECONDS)) for i in (0, 1, 3)] == [2, 4, 8]
        rest = [stream.submit(sample(5)) for _ in range(4)]
        assert value(rest[0].result(SECONDS)) == 10


def test_map_raises_a_failure_at_its_place(graph: Graph) -> None:
    with Stream(graph) as stream:
        results = stream.map(sample(i) for i in (1, -1, 3))
        assert value(next(results)) == 2
        with pytest.raises(RuntimeError, match="chokes"):
            next(results)


def test_parameters_reach_the_preparing_operator(program: Program) -> None:
    def prepare(one: Any, params: Mapping[str, Any]) -> list[NDArray[Any]]:
        return [np.full((1, 1), one + params.get("extra", 0), np.float32)]

    with Stream(Graph(prepare, ModelOperator(program))) as stream:
        assert value(stream.run_sync(1, extra=4)) == 10
        assert value(stream.run_sync(1)) == 2


def test_submit_refuses_when_closed(graph: Graph) -> None:
    stream = Stream(graph)
    stream.close()
    with pytest.raises(StreamClosedError, match="the stream is closed and takes no more samples"):
        stream.submit(sample(1))


def test_close_executes_what_was_accepted_and_is_harmless_twice(graph: Graph, device: Any) -> None:
    device.gate.clear()
    stream = Stream(graph, queue_size=8)
    futures = [stream.submit(sample(i)) for i in range(5)]
    stream.close_input()
    stream.close_input()
    device.gate.set()
    stream.close()
    stream.close()
    assert [value(future.result(0)) for future in futures] == [0, 2, 4, 6, 8]


def test_wait_may_come_before_the_input_is_closed(graph: Graph) -> None:
    stream = Stream(graph, workers=2)
    waiter = threading.Thread(target=stream.wait)
    waiter.start()
    future = stream.submit(sample(1))
    stream.close_input()
    waiter.join(SECONDS)
    assert not waiter.is_alive()
    assert value(future.result(0)) == 2


def test_a_program_closed_first_fails_samples_and_does_not_hang(program: Program) -> None:
    with Stream(make_graph(program)) as stream:
        program.close()
        with pytest.raises(DeviceExecutionError, match="the program is closed"):
            stream.run_sync(sample(1))


def test_close_wakes_a_blocked_submit(graph: Graph, device: Any) -> None:
    device.gate.clear()
    stream = Stream(graph, queue_size=1)
    stream.submit(sample(0))
    assert device.started.acquire(timeout=SECONDS)
    stream.submit(sample(1))
    errors: list[Exception] = []

    def submit() -> None:
        try:
            stream.submit(sample(2))
        except StreamClosedError as error:
            errors.append(error)

    callers = [threading.Thread(target=submit) for _ in range(3)]
    for caller in callers:
        caller.start()
    stream.close_input()
    for caller in callers:
        caller.join(SECONDS)
    assert len(errors) == 3
    device.gate.set()
    stream.wait()


def test_cancel_drops_what_waits(graph: Graph, device: Any) -> None:
    device.gate.clear()
    stream = Stream(graph, queue_size=4)
    under_way = stream.submit(sample(0))
    assert device.started.acquire(timeout=SECONDS)
    waiting = [stream.submit(sample(i)) for i in (1, 2)]
    canceler = threading.Thread(target=stream.cancel)
    stream.close_input()
    canceler.start()
    canceler.join(0.05)  # lets it mark the waiting ones before the worker goes on
    device.gate.set()
    canceler.join(SECONDS)
    assert value(under_way.result(SECONDS)) == 0
    assert all(future.cancelled() for future in waiting)


def test_a_canceled_future_is_passed_over(graph: Graph, device: Any) -> None:
    device.gate.clear()
    with Stream(graph, queue_size=4) as stream:
        stream.submit(sample(0))
        assert device.started.acquire(timeout=SECONDS)
        dropped, kept = stream.submit(sample(1)), stream.submit(sample(2))
        assert dropped.cancel()
        device.gate.set()
        assert value(kept.result(SECONDS)) == 4
    assert [1.0] not in device.batches


def test_leaving_by_an_error_cancels_what_waits(graph: Graph, device: Any) -> None:
    futures: list[Future[Any]] = []

    def fail() -> None:
        with Stream(graph, queue_size=4) as stream:
            device.gate.clear()
            futures.extend(stream.submit(sample(i)) for i in range(3))
            assert device.started.acquire(timeout=SECONDS)
            threading.Timer(0.05, device.gate.set).start()
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()
    assert futures[2].cancelled()


def test_a_callback_may_close_the_stream(graph: Graph) -> None:
    stream = Stream(graph)
    done = threading.Event()

    def close(_: Any) -> None:
        stream.close()
        done.set()

    stream.submit(sample(1)).add_done_callback(close)
    assert done.wait(SECONDS)
    stream.wait()


def test_a_dropped_stream_ends_its_threads(graph: Graph) -> None:
    stream = Stream(graph, workers=2)
    threads = list(stream._threads)
    del stream
    gc.collect()
    for thread in threads:
        thread.join(SECONDS)
        assert not thread.is_alive()


def test_an_open_stream_does_not_keep_a_program_from_ending() -> None:
    code = (
        "from vackit.stream.stream import Stream\n"
        "stream = Stream(lambda sample: sample, workers=2)\n"
        "print('end')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "end\n", "")


@pytest.mark.parametrize("name", ["workers", "max_batch", "queue_size"])
def test_stream_refuses_counts_below_one(graph: Graph, name: str) -> None:
    with pytest.raises(UsageError, match=r"count from 1"):
        Stream(graph, **{name: 0})


@pytest.mark.parametrize("workers", [1, 3])
def test_ten_thousand_submissions_from_eight_threads(
    graph: Graph, device: Any, workers: int
) -> None:
    """In order of each thread, nothing lost, and no more held than the queue has room for."""
    per_thread = 10_000 // 8
    alive: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
    most, results = [0], [[0.0] * per_thread for _ in range(8)]
    room = threading.Semaphore(64)  # as callers that do not wait for each result have it

    def keep(row: list[float], turn: int) -> Callable[[SampleFuture], None]:
        def done(future: SampleFuture) -> None:
            row[turn] = value(future.result())
            room.release()

        return done

    with Stream(graph, workers=workers, max_batch=8, queue_size=16) as stream:

        def submit(thread: int) -> None:
            for turn in range(per_thread):
                array = sample(thread * per_thread + turn)
                alive[thread * per_thread + turn] = array
                most[0] = max(most[0], len(alive))
                room.acquire(timeout=SECONDS)
                stream.submit(array).add_done_callback(keep(results[thread], turn))

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(submit, range(8)))
    numbers = [int(one) for batch in device.batches for one in batch]
    assert sorted(numbers) == list(range(10_000))
    assert [two for row in results for two in row] == [2 * i for i in range(10_000)]
    if workers == 1:  # several workers end their batches in any order
        for thread in range(8):
            own = [n for n in numbers if n // per_thread == thread]
            assert own == sorted(own)
    assert most[0] < 200
