# SPDX-License-Identifier: Apache-2.0
"""Generate load in several processes that start measuring together."""

import multiprocessing
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any

from vackit.bench.load import LoadPlan, LoadResult, run_load
from vackit.errors import DeviceExecutionError, VackitError

_READY = "ready"
Worker = tuple[BaseProcess, Connection]


def run_processes(plan: LoadPlan) -> list[LoadResult]:
    """Run the plan in ``plan.processes`` processes at once; one result each.

    Every process loads the artifact itself and warms up; when all are ready, all start.

    Raises:
        VackitError: What went wrong in one of them; the others are ended.
        DeviceExecutionError: One of them died.
    """
    if plan.processes == 1:
        return [run_load(plan)]
    context = multiprocessing.get_context("spawn")
    workers: list[Worker] = []
    try:
        for _ in range(plan.processes):
            ours, theirs = context.Pipe()
            process: BaseProcess = context.Process(target=_child, args=(plan, theirs), daemon=True)
            process.start()
            theirs.close()
            workers.append((process, ours))
        for worker in workers:
            _receive(worker)
        for _, connection in workers:
            connection.send(_READY)
        return [_receive(worker) for worker in workers]
    finally:
        for process, connection in workers:
            connection.close()
            process.terminate()
            process.join()


def _receive(worker: Worker) -> Any:
    process, connection = worker
    try:
        message = connection.recv()
    except (EOFError, ConnectionError) as error:
        process.join()
        raise DeviceExecutionError(
            f"a load process ended with exit code {process.exitcode}"
        ) from error
    if isinstance(message, VackitError):
        raise message
    return message


def _child(plan: LoadPlan, connection: Connection) -> None:
    # Ctrl-C goes to the parent, which ends its children
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def go() -> None:
        connection.send(_READY)
        connection.recv()

    # where the parent has gone there is nobody to report to
    with suppress(EOFError, BrokenPipeError):
        try:
            result: LoadResult | VackitError = run_load(plan, go)
        except VackitError as error:
            result = error
        connection.send(result)
