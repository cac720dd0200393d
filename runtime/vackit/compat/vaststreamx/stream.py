# SPDX-License-Identifier: Apache-2.0
"""Streams of a program: a thin face over `vackit.stream.stream.Stream`.

`run_sync` returns its results and puts nothing into the queues that `get_operator_output`
reads; `run_async` does only that. A run's samples are executed in batches of the model's
batch size that never hold another run's, so results do not depend on who else runs.
"""

import math
import os
import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future, wait
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.enums import GraphOutputType, StreamBalanceMode
from vackit.compat.vaststreamx.graph import Graph
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.matrices import as_matrix, matrix_outputs
from vackit.compat.vaststreamx.operators import Operator
from vackit.compat.vaststreamx.samples import Prepare, Sample, make_samples
from vackit.compat.vaststreamx.taps import Tap
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.errors import StreamClosedError, StreamError
from vackit.stream import graph as native_graph
from vackit.stream.model_operator import ModelOperator as NativeModelOperator
from vackit.stream.outputs import as_float16
from vackit.stream.stream import Stream as NativeStream
from vackit.vdsp.layout884 import tile_activation

Inputs = Sequence[Image | Tensor | Sequence[Image | Tensor]]
Params = Mapping[str, Sequence[Any]]

_open_streams: "weakref.WeakSet[Stream]" = weakref.WeakSet()


class EndOfStream(StreamClosedError, ValueError):  # noqa: N818 - no error, the end
    """The input is closed and every output has been taken; a `ValueError` to programs."""


class Stream:
    """A running graph. Thread-safe: any number of threads may run and take outputs.

    Args:
        graph: What to run.
        balance_mode: Accepted; the emulator treats both modes alike.
    """

    def __init__(
        self, graph: Graph, balance_mode: StreamBalanceMode = StreamBalanceMode.ONCE
    ) -> None:
        self.balance_mode = StreamBalanceMode(balance_mode)
        self._graph = graph
        self._prepare, self._model_operator = graph.checked()
        self._model = self._model_operator.model
        self._program = self._model.program
        kind = self._prepare.op_type if self._prepare else None
        self._is_matrix = matrix_outputs(self._program.outputs, kind)
        self._taps: dict[str, Tap] = {}
        self._order = threading.Lock()  # makes the order of outputs that of submissions
        self._native: NativeStream | None = None
        self._is_closed = False
        self._pending: set[Future[Any]] = set()
        self._readers: set[int] = set()  # threads that are taking outputs

    def register_operator_output(self, *arguments: Any) -> None:
        """Keep an operator's outputs for `get_operator_output`.

        Args:
            arguments: ``operator``; or ``name, operator``; or, for the operator before the
                model, ``name, operator, [[shape, type]]``.

        Raises:
            StreamError: The operator is not in the graph.
        """
        name, rest = (
            (arguments[0], arguments[1:]) if isinstance(arguments[0], str) else (None, arguments)
        )
        operator = rest[0] if rest else None
        if operator not in (self._prepare, self._model_operator) or operator is None:
            raise StreamError(f"output of {operator!r} is asked for, it is not in the graph")
        specs = self._program.inputs if operator == self._prepare else self._program.outputs
        num_bytes = sum(math.prod(one.sample_shape) * np.dtype(one.dtype).itemsize for one in specs)
        tap = Tap(operator, rest[1] if len(rest) > 1 else None, num_bytes)
        self._taps[name or f"#{len(self._taps)}"] = tap

    def build(self) -> int:
        """Start the stream; return 0."""
        if self._native is None:
            graph = native_graph.Graph(Prepare(self._prepare), NativeModelOperator(self._program))
            self._native = NativeStream(
                graph,
                workers=min(4, os.cpu_count() or 1),
                max_batch=self._model.batch_size,
                max_delay_us=None,
            )
            _open_streams.add(self)
        return 0

    def run_sync(self, inputs: Inputs, params: Params | None = None) -> list[list[Tensor]]:
        """Run samples and wait.

        Args:
            inputs: Images, of any sizes; or per sample the list of its tensors.
            params: Per name a list with one entry per sample.

        Returns:
            Per sample one tensor per output of the model.

        Raises:
            StreamError: The inputs do not fit; or what went wrong with the first sample
                that failed.
        """
        samples = self._samples(inputs, params)
        with self._order:
            futures = self._submit(samples)
        return [self._outputs(future) for future in futures]

    def run_async(self, inputs: Inputs, params: Params | None = None) -> int:
        """Queue samples; their outputs come from `get_operator_output`. Return 0."""
        samples = self._samples(inputs, params)
        taps = list(self._taps.values())
        prepared: list[Future[Any]] = []
        if any(tap.operator == self._prepare for tap in taps):
            prepared = [Future() for _ in samples]
            for sample, future in zip(samples, prepared, strict=True):
                sample.prepared = future
        with self._order:
            futures = self._submit(samples)
            for tap in taps:
                tap.put(prepared if tap.operator == self._prepare else futures)
        return 0

    def get_operator_output(self, key: str | Operator) -> list[list[Tensor]]:
        """Wait for the next `run_async` and return its outputs: per sample a list of tensors.

        Raises:
            EndOfStream: The input is closed, and all outputs have been taken.
            StreamError: The output was not registered; or what went wrong with a sample.
        """
        tap = self._tap(key)
        reader = threading.get_ident()
        self._readers.add(reader)
        try:
            futures = tap.get()
        finally:
            self._readers.discard(reader)
        if futures is None:
            raise EndOfStream("the input is closed and all outputs are taken")
        if tap.operator == self._prepare:
            return [tap.prepared(future.result()) for future in futures]
        return [self._outputs(future) for future in futures]

    def close_input(self) -> None:
        """Take no more samples; who waits for outputs is woken after the last one."""
        with self._order:
            if self._is_closed:
                return
            self._is_closed = True
            if self._native is not None:
                self._native.close_input()
            for tap in self._taps.values():
                tap.end()

    def wait_until_done(self) -> None:
        """Wait until every sample submitted so far is done."""
        with self._order:
            pending = list(self._pending)
        wait(pending)
        if self._is_closed and self._native is not None:
            self._native.wait()

    @property
    def idle_readers(self) -> set[int]:
        """Return the threads that wait for outputs, where nothing is under way."""
        return set() if self._pending else set(self._readers)

    def _samples(self, inputs: Inputs, params: Params | None) -> list[Sample]:
        if self._native is None:
            raise StreamError("the stream is not built", hint="call `build()` first")
        return make_samples(self._prepare, self._model, inputs, params or {})

    def _submit(self, samples: Sequence[Sample]) -> list[Future[Any]]:
        assert self._native is not None
        try:
            futures = [self._native.submit(sample, **sample.params) for sample in samples]
        finally:
            self._native.flush()
        self._pending.update(futures)
        for future in futures:
            future.add_done_callback(self._pending.discard)
        return futures

    def _outputs(self, future: "Future[Any]") -> list[Tensor]:
        place = str(self._program.artifact.prefix)
        arrays = [as_float16(array, place) for array in future.result()]
        if any(self._is_matrix):
            pairs = zip(arrays, self._is_matrix, strict=True)
            arrays = [as_matrix(array) if wanted else array for array, wanted in pairs]
        if self._graph.output_type is GraphOutputType.GRAPH_OUTPUT_TYPE_884_DEVICE:
            return [_tiled(array) for array in arrays]
        # outputs are views into their batch
        return [Tensor(array.copy() if array.base is not None else array) for array in arrays]

    def _tap(self, key: str | Operator) -> Tap:
        if isinstance(key, str) and key in self._taps:
            return self._taps[key]
        own = [name for name, tap in self._taps.items() if tap.operator == key]
        if own:  # the one without a name first: the others are asked for by theirs
            return self._taps[min(own, key=lambda name: not name.startswith("#"))]
        known = ", ".join(f"'{name}'" for name in self._taps if not name.startswith("#"))
        raise StreamError(f"no output {key!r} is registered; registered names: {known or 'none'}")


def _tiled(array: NDArray[Any]) -> Tensor:
    """Return an output in tiles where it has a form that they hold."""
    if 2 <= array.ndim <= 4:
        return Tensor(tile_activation(array), plain=(array,))
    return Tensor(array)


def close_all() -> None:
    """Close the inputs of all streams, so that threads that wait for outputs end."""
    for stream in list(_open_streams):
        stream.close_input()


def all_wait(threads: Iterable[threading.Thread]) -> bool:
    """Tell whether each of ``threads`` waits for outputs of streams that have nothing to do."""
    waiting = {reader for stream in list(_open_streams) for reader in stream.idle_readers}
    return all(thread.ident in waiting for thread in threads)
