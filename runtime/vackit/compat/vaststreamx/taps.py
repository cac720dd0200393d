# SPDX-License-Identifier: Apache-2.0
"""The queues behind `Stream.get_operator_output`: unbounded, in the order of submission."""

from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compat.vaststreamx.operators import Operator
from vackit.compat.vaststreamx.tensor import DTYPES, Tensor
from vackit.errors import StreamError


class Tap:
    """One registered output.

    Args:
        operator: Whose.
        output_info: ``[[shape, type]]``: per tensor how it is to look; None: as they are.
    """

    def __init__(self, operator: Operator, output_info: Any = None) -> None:
        self.operator = operator
        self._info = [] if output_info is None else _pairs(output_info)
        self._queue: SimpleQueue[Sequence[Future[Any]] | None] = SimpleQueue()

    def put(self, futures: Sequence["Future[Any]"]) -> None:
        """Queue the outputs of one run."""
        self._queue.put(futures)

    def end(self) -> None:
        """Let every reader know, after what is queued, that nothing more comes."""
        self._queue.put(None)

    def get(self) -> "Sequence[Future[Any]] | None":
        """Wait for the next run's outputs; None at the end, for every reader."""
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
