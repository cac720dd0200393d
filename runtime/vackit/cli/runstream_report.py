# SPDX-License-Identifier: Apache-2.0
"""What `runstream` says of a run that it has recorded: a table, a trace."""

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import thread as pool
from pathlib import Path
from typing import TYPE_CHECKING

from vackit.console import note

if TYPE_CHECKING:
    from vackit.stream.recorder import OperatorProfile


@contextlib.contextmanager
def recorded(*, profile: bool, trace: Path | None) -> Iterator[None]:
    """Record the block; then print the table to stderr, and write the trace.

    The program's threads are waited for first, as Python does at its end; not those of pools
    that it left open, which wait for work until Python itself ends them.
    """
    if not profile and trace is None:
        yield
        return
    from vackit.files import write_json
    from vackit.stream.recorder import recording

    with recording() as recorder:
        yield
        for thread in threading.enumerate():
            is_own = not thread.daemon and thread is not threading.current_thread()
            if is_own and thread not in pool._threads_queues:
                thread.join()
    if profile:
        for line in _table(recorder.profile()):
            note(line)
    if trace is not None:
        write_json(trace, recorder.chrome_trace())


def _table(rows: "list[OperatorProfile]") -> list[str]:
    width = max((len(row.name) for row in rows), default=8)
    lines = [f"{'operator':{width}}  {'count':>8}  {'mean ms':>9}  {'p95 ms':>9}  queue depth"]
    for row in rows:
        depth = "-" if row.mean_depth is None else f"{row.mean_depth:.1f}"
        lines.append(
            f"{row.name:{width}}  {row.count:8d}  {row.mean_ms:9.3f}  {row.p95_ms:9.3f}  "
            f"{depth:>11}"
        )
    return lines
