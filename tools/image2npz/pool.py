# SPDX-License-Identifier: Apache-2.0
"""The functions that workers run, importable without numpy and OpenCV.

A pool names its functions by import path; were they the worker's own, naming them would
load OpenCV before the other processes have been started.
"""

import signal
from collections.abc import Sequence
from pathlib import Path

from image2npz.plan import Pair
from image2npz.record import Outcome


def start_worker() -> None:
    """Leave Ctrl-C to the parent, which ends its workers in order."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def convert_chunk(dataset: Path, target: Path, pairs: Sequence[Pair], force: bool) -> list[Outcome]:
    """Call `image2npz.worker.convert_chunk`.

    Where OpenCV cannot be imported, this call raises it; in the pool's initializer it would
    only break the pool.
    """
    from image2npz import worker

    worker.prepare_opencv()
    return worker.convert_chunk(dataset, target, pairs, force)
