# SPDX-License-Identifier: Apache-2.0
"""Convert a folder of images to npz files and a datalist, with several processes.

This module itself stays light: numpy and OpenCV load when the first image is decoded, in
all processes side by side.
"""

import multiprocessing
import os
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

from image2npz.plan import Pair, plan_pairs
from image2npz.pool import convert_chunk, start_worker
from image2npz.record import MANIFEST_NAME, Outcome, Status, read_records, write_manifest
from vackit.console import progress
from vackit.data.datalist import datalist_text
from vackit.errors import DataError
from vackit.files import write_atomic

# Images of one message to a worker: enough to hide its cost, few enough to share out evenly
_CHUNK = 8
# Chunks that wait for each worker, so that it never waits for this process
_AHEAD = 3
# Fewer images than this are done before a second process has started
_WORTH_A_WORKER = 48


@dataclass(frozen=True)
class Settings:
    """What to convert, and how.

    Attributes:
        dataset: Folder with the images.
        target: Folder for the npz files.
        datalist: The text file to write.
        suffix: Only images of this suffix; ``None`` for all.
        jobs: Number of processes, this one included.
        skip_unreadable: Leave images out that cannot be read, instead of failing.
        force: Replace npz files and a datalist that hold something else.
    """

    dataset: Path
    target: Path
    datalist: Path
    suffix: str | None = None
    jobs: int = 1
    skip_unreadable: bool = False
    force: bool = False


@dataclass(frozen=True)
class Report:
    """What was done: outcomes in the datalist's order; ``is_new`` unless all stood there."""

    outcomes: tuple[Outcome, ...]
    is_new: bool

    def of(self, status: Status) -> list[Outcome]:
        """Return the outcomes of that status."""
        return [outcome for outcome in self.outcomes if outcome.status is status]


class UnreadableError(DataError):
    """Images could not be read; ``outcomes`` names them."""

    def __init__(self, outcomes: Sequence[Outcome], total: int, dataset: Path) -> None:
        super().__init__(
            f"{len(outcomes)} of {total} images cannot be read; no datalist was written",
            where=dataset,
            hint="mend or remove them, or leave them out with --on_error skip",
        )
        self.outcomes = tuple(outcomes)


def default_jobs() -> int:
    """Return the number of processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def convert(settings: Settings) -> Report:
    """Convert the images that have no npz yet and write the datalist, last.

    Running it again keeps every npz that holds its image. Stopped half-way, it goes on
    where it was.

    Raises:
        UsageError: The suffix is none of an image.
        UnreadableError: Images cannot be read and ``skip_unreadable`` is off.
        DataError: There are no images, two become one npz, or an npz or the datalist holds
            something else.
        OSError: A file cannot be written.
    """
    pairs = plan_pairs(settings.dataset, settings.suffix)
    _check_datalist(settings, pairs)
    settings.target.mkdir(parents=True, exist_ok=True)
    outcomes = {} if settings.force else _kept(settings, pairs)
    todo = [pair for pair in pairs if pair.image not in outcomes]
    complete = False
    try:
        for outcome in progress(_converted(settings, todo), "image2npz", len(todo)):
            outcomes[outcome.pair.image] = outcome
        report = _finish(settings, [outcomes[pair.image] for pair in pairs])
        complete = True
    finally:
        # also when stopped: the next run then need not decode what is done
        if todo:
            done = [outcomes[pair.image] for pair in pairs if pair.image in outcomes]
            write_manifest(
                settings.target, settings.dataset, settings.datalist, done, complete=complete
            )
    return report


def _kept(settings: Settings, pairs: list[Pair]) -> dict[str, Outcome]:
    records = read_records(settings.target)
    return {
        pair.image: Outcome(pair, Status.KEPT, record=record)
        for pair in pairs
        if (record := records.get(pair.image)) is not None
        and record.npz == pair.npz
        and record.is_current(settings.dataset, settings.target)
    }


def _finish(settings: Settings, outcomes: list[Outcome]) -> Report:
    if differing := [o for o in outcomes if o.status is Status.DIFFERS]:
        names = ", ".join(o.pair.npz for o in differing[:10])
        more = f" and {len(differing) - 10} more" if len(differing) > 10 else ""
        raise DataError(
            f"{len(differing)} npz files hold something else than their images: {names}{more}",
            where=settings.target,
            hint="choose another --target_path, or add --force to replace them",
        )
    unreadable = [o for o in outcomes if o.status is Status.UNREADABLE]
    if unreadable and not settings.skip_unreadable:
        raise UnreadableError(unreadable, len(outcomes), settings.dataset)
    good = [settings.target / o.pair.npz for o in outcomes if o.record is not None]
    if not good:
        raise DataError("none of its images can be read", where=settings.dataset)
    text = datalist_text(good).encode()
    is_new = any(o.status is Status.WRITTEN for o in outcomes)
    if not settings.datalist.exists() or settings.datalist.read_bytes() != text:
        is_new = True
        write_atomic(settings.datalist, text)
    return Report(tuple(outcomes), is_new)


def _check_datalist(settings: Settings, pairs: list[Pair]) -> None:
    """Refuse to replace a datalist of other files; one of some of these is brought up to date."""
    path = settings.datalist
    if path.is_dir():
        raise DataError("is a folder, expected a name for the datalist", where=path)
    if settings.force or not path.exists():
        return
    planned = {str((settings.target / pair.npz).absolute()) for pair in pairs}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line not in planned:
            raise DataError(
                f"holds '{line[:200]}', which is no image of {settings.dataset}",
                where=path,
                hint="choose another --text_path, or add --force to replace it",
            )


def _converted(settings: Settings, todo: list[Pair]) -> Iterator[Outcome]:
    """Yield the outcome of every image, as they come."""
    if not todo:
        return
    chunks = [todo[i : i + _CHUNK] for i in range(0, len(todo), _CHUNK)]
    jobs = 1 if len(todo) < _WORTH_A_WORKER else min(settings.jobs, len(chunks))
    if jobs == 1:
        for chunk in chunks:
            yield from _convert_here(settings, chunk)
    else:
        yield from _in_processes(settings, chunks, jobs)


def _convert_here(settings: Settings, chunk: list[Pair]) -> list[Outcome]:
    return convert_chunk(settings.dataset, settings.target, chunk, settings.force)


def _in_processes(settings: Settings, chunks: list[list[Pair]], jobs: int) -> Iterator[Outcome]:
    """Share the chunks out to ``jobs`` processes, of which this one is the first."""
    # started afresh, not forked: a fork copies locks that other threads hold
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs - 1, mp_context=context, initializer=start_worker)
    left = deque(chunks)
    given: set[Future[list[Outcome]]] = set()
    try:
        while left or given:
            while left and len(given) < _AHEAD * (jobs - 1):
                arguments = (settings.dataset, settings.target, left.popleft(), settings.force)
                given.add(pool.submit(convert_chunk, *arguments))
            if left:
                yield from _convert_here(settings, left.pop())
            done, given = wait(given, None if not left else 0, FIRST_COMPLETED)
            for future in done:
                yield from future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process was ended from outside, perhaps for want of memory; what is "
            f"done is recorded in {MANIFEST_NAME}",
            where=settings.dataset,
            hint="run the command again with fewer processes (-j 1)",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
