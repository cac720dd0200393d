# SPDX-License-Identifier: Apache-2.0
"""A stream: a running graph that takes samples from any thread and batches them.

The core is asynchronous: `Stream.submit` returns a future, `Stream.run_sync` is submit and
wait. Nothing polls or spins; every wait ends through the event that it waits for.
"""

import threading
import weakref
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import wait
from types import TracebackType
from typing import Any, Self

from vackit.errors import UsageError
from vackit.stream.batcher import Batcher, Request, SampleFuture
from vackit.stream.graph import Graph
from vackit.stream.operators import Tensors, prepared
from vackit.stream.recorder import current_recorder, operator_name, span

_LEAST_QUEUE = 16


class Stream:
    """Runs a graph on samples. Thread-safe: any number of threads may submit.

    Samples are taken in the order of their submission, across all callers, and each
    result comes through its own future. A sample that fails fails alone.

    Args:
        graph: What to run. It stays the caller's: close its program after the stream.
        workers: Instances: threads that each prepare and execute one batch at a time.
        max_batch: The most samples of one execution.
        max_delay_us: How long a batch waits for more samples; see `Batcher`.
        queue_size: Samples that may wait; `submit` blocks beyond it (back-pressure). By
            default two full batches a worker, and at least 16 samples: on a busy machine the
            submitting thread is not always there when a worker has finished.
    """

    def __init__(
        self,
        graph: Graph,
        *,
        workers: int = 1,
        max_batch: int = 1,
        max_delay_us: int | None = 0,
        queue_size: int | None = None,
    ) -> None:
        if queue_size is None:
            queue_size = max(2 * workers * max_batch, _LEAST_QUEUE)
        if min(workers, max_batch, queue_size) < 1:
            raise UsageError(
                f"workers ({workers}), max_batch ({max_batch}) and queue_size "
                f"({queue_size}) count from 1"
            )
        self._batcher = Batcher(max_batch, max_delay_us, queue_size)
        self._fills_batches = max_delay_us is None
        self._window = workers * max_batch + queue_size
        # half of the queue: the workers have the other half meanwhile
        self._at_once = max(queue_size // 2, 1)
        self._threads = [
            threading.Thread(
                target=_work, args=(graph, self._batcher), name=f"vackit-stream-{i}", daemon=True
            )
            for i in range(workers)
        ]
        # the threads know the batcher, not the stream: one that is dropped or still open
        # when the interpreter ends is closed too
        weakref.finalize(self, _shut_down, self._batcher, self._threads)
        for thread in self._threads:
            thread.start()

    def submit(self, sample: Any, **params: Any) -> SampleFuture:
        """Queue one sample; blocks while the queue is full.

        Args:
            sample: What the graph's first operator takes. It must stay unchanged until
                the future is done.
            params: For this sample alone (``crop_resize_ext=``, ``rgb_letterbox_ext=``; of
                a model of several sizes ``input_size=``).

        Returns:
            A future of the sample's outputs: one array per model output, in the model's
            dtype, each with a leading 1 (views into their batch; copy to keep many).

        Raises:
            StreamClosedError: The input is closed.
        """
        request = Request(sample, params)
        self._batcher.put(request)
        return request.future

    def run_sync(self, sample: Any, **params: Any) -> Tensors:
        """Submit one sample and wait for its outputs.

        Nobody need fill its batch up: where batches wait until they are full, it is flushed.
        """
        future = self.submit(sample, **params)
        if self._fills_batches:
            self.flush()
        return future.result()

    def map(self, samples: Iterable[Any]) -> Iterator[Tensors]:
        """Yield the outputs of ``samples`` in their order, reading only a little ahead.

        They come in groups: a caller that is woken for every sample disturbs the workers.

        The first failure is raised at its place; what has been submitted after it is
        still executed.
        """
        ahead: deque[SampleFuture] = deque()
        for sample in samples:
            ahead.append(self.submit(sample))
            if len(ahead) > self._window:
                yield from self._taken(ahead)
        self.flush()
        while ahead:
            yield from self._taken(ahead)

    def _taken(self, ahead: deque[SampleFuture]) -> Iterator[Tensors]:
        """Yield the next few results, woken up once for all of them."""
        count = min(self._at_once, len(ahead))
        wait([ahead[count - 1]])
        for _ in range(count):
            yield ahead.popleft().result()

    def flush(self) -> None:
        """Execute what has been submitted even where the batch is not full."""
        self._batcher.flush()

    def close_input(self) -> None:
        """Take no more samples; returns at once. Closing twice is harmless."""
        self._batcher.close()

    def wait(self) -> None:
        """Wait until the input is closed and every accepted sample is done."""
        _join(self._threads)

    def close(self) -> None:
        """Take no more samples and wait for the accepted ones."""
        _shut_down(self._batcher, self._threads)

    def cancel(self) -> None:
        """Take no more samples, cancel the waiting ones, wait for those under way."""
        self._batcher.close(cancel=True)
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.cancel()


def _shut_down(batcher: Batcher, threads: list[threading.Thread]) -> None:
    batcher.close()
    _join(threads)


def _join(threads: list[threading.Thread]) -> None:
    for thread in threads:
        # a future's callback may close the stream: a worker does not wait for itself
        if thread is not threading.current_thread():
            thread.join()


def _work(graph: Graph, batcher: Batcher) -> None:
    while batch := batcher.get():
        if recorder := current_recorder():
            recorder.add_depth(operator_name(graph.prepare), len(batch) + batcher.num_waiting)
        rooms = graph.model.rooms(len(batch))
        ready: list[tuple[Request, Tensors]] = []
        for request in batch:
            if not request.future.set_running_or_notify_cancel():
                continue
            try:
                with span(operator_name(graph.prepare)):
                    room = rooms[len(ready)] if rooms else None
                    tensors = prepared(graph.prepare, request.sample, request.params, room)
                ready.append((request, tensors))
            except BaseException as error:  # the caller's, whatever it is: `sys.exit` too
                request.future.set_exception(error)
        if ready:
            _execute(graph, ready)


def _execute(graph: Graph, ready: list[tuple[Request, Tensors]]) -> None:
    try:
        with span(operator_name(graph.model)):
            outputs = graph.model([tensors for _, tensors in ready])
    except Exception as error:
        if len(ready) == 1:
            ready[0][0].future.set_exception(error)
            return
        for one in ready:  # find the sample to blame; its neighbors must not suffer
            _execute(graph, [one])
        return
    for (request, _), result in zip(ready, outputs, strict=True):
        request.future.set_result(result)
