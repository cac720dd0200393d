# SPDX-License-Identifier: Apache-2.0
"""The queues behind `Stream.get_operator_output`, in the order of submission.

Putting never blocks: programs register outputs that they never read. What is read, however
late, is kept whole; a queue that nothing has ever read keeps its newest entries alone.
"""

import contextlib
from collections.abc import Sequence
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.operators import Operator
from vackit.compat.vaststreamx.tensor import DTYPES, Tensor
from vackit.errors import StreamError

# what the entries of a queue may hold together while nothing has ever read it
UNREAD_BYTES = 128 * 2**20


class Tap:
    """One registered output.

    Args:
        operator: Whose.
        output_info: ``[[shape, type]]``: per tensor how it is to look; None: as they are.
        sample_bytes: What one sample's tensors take, for the bound of an unread queue.
    """

    def __init__(self, operator: Operator, output_info: Any = None, sample_bytes: int = 1) -> None:
        self.operator = operator
        self._info = [] if output_info is None else _pairs(output_info)
        self._queue: SimpleQueue[Sequence[Future[Any]] | None] = SimpleQueue()
        self._most_unread = max(1, UNREAD_BYTES // sample_bytes)
        self._num_unread = self._num_dropped = 0
        self._is_read = False

    def put(self, futures: Sequence["Future[Any]"]) -> None:
        """Queue the outputs of one run; one thread at a time."""
        self._queue.put(futures)
        if self._is_read:
            return
        self._num_unread += len(futures)
        with contextlib.suppress(Empty):  # a first reader was faster
            while self._num_unread > self._most_unread and self._queue.qsize() > 1:
                self._num_unread -= len(self._queue.get_nowait() or ())
                self._num_dropped += 1

    def end(self) -> None:
        """Let every reader know, after what is queued, that nothing more comes."""
        self._queue.put(None)

    def get(self) -> "Sequence[Future[Any]] | None":
        """Wait for the next run's outputs; None at the end, for every reader.

        Raises:
            StreamError: Nothing had read this output for so long that some were dropped.
        """
        self._is_read = True
        if self._num_dropped:
            raise StreamError(
                f"the first {self._num_dropped} outputs of {self.operator.op_type.name} were "
                f"dropped: nothing read them, and unread ones may take {UNREAD_BYTES >> 20} MiB",
                hint="read this output from the first run on, or do not register it",
            )
        futures = self._queue.get()
        if futures is None:
            self._queue.put(None)
        return futures

    def prepared(self, arrays: Sequence[NDArray[Any]]) -> list[Tensor]:
        """Return prepared arrays as tensors: float16, without the leading 1, or as asked.

        Raises:
            StreamError: The shape that was asked for holds another number of elements.
        """
        tensors = []
        for index, array in enumerate(arrays):
            shape, dtype = array.shape[1:], np.dtype(np.float16)
            if index < len(self._info):
                shape, dtype = self._info[index]
            if array.size != np.prod(shape, dtype=int):
                raise StreamError(f"output of shape {array.shape[1:]} is asked for as {shape}")
            tensors.append(Tensor(array.astype(dtype).reshape(shape)))
        return tensors


def _pairs(output_info: Any) -> list[tuple[tuple[int, ...], np.dtype[Any]]]:
    try:
        return [
            (tuple(int(size) for size in shape), np.dtype(DTYPES[flag]))
            for shape, flag in output_info
        ]
    except (TypeError, ValueError, KeyError) as error:
        raise StreamError(f"output info is {output_info!r}, expected [[shape, type]]") from error
