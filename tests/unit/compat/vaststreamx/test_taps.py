# SPDX-License-Identifier: Apache-2.0
"""The queues of outputs: order over many threads, and what is kept unread."""

import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from tests.vsx_streams import SECONDS, built, graph_of, image, numbers

from vackit.errors import StreamError


@pytest.fixture
def busy_threads() -> Iterator[None]:
    """Let threads take turns every few instructions, so that missing locks show."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.slow
def test_ten_thousand_submissions_from_eight_threads(write_vdsp: Any, busy_threads: None) -> None:
    import resource

    graph, op, model_op = graph_of(write_vdsp(), 4)
    stream = built(graph, (model_op,), ("tap", op))
    images = [image(seed, 100, 100) for seed in range(32)]
    owner = {numbers(stream.run_sync([one]))[0].tobytes(): i for i, one in enumerate(images)}
    assert len(owner) == len(images)
    total, start = 10_000, threading.Barrier(8)

    def submit(thread: int) -> None:  # four pictures of its own, one after the other
        start.wait(SECONDS)
        for turn in range(total // 8):
            stream.run_async([images[4 * thread + turn % 4].clone()])

    threads = [threading.Thread(target=submit, args=(i,)) for i in range(8)]
    for one in threads:
        one.start()
    counts = [0] * 8
    before = 0
    for index in range(total):
        (output,) = numbers(stream.get_operator_output(model_op))
        (tap,) = numbers(stream.get_operator_output("tap"))
        assert tap.tobytes() == output.tobytes()  # the model hands its input on
        thread, turn = divmod(owner[output.tobytes()], 4)
        assert turn == counts[thread] % 4
        counts[thread] += 1
        if index == 2000:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    for one in threads:
        one.join()
    assert counts == [total // 8] * 8
    stream.close_input()
    stream.wait_until_done()
    for key in (model_op, "tap"):
        with pytest.raises(ValueError, match="all outputs are taken"):
            stream.get_operator_output(key)
    # kilobytes: 8000 images of 30 kB, kept, would be 240 MB
    assert grown < 16 * 1024


def test_outputs_that_nothing_reads_are_bounded(
    write_vdsp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vackit.compat.vaststreamx.taps.UNREAD_BYTES", 100 * 4 * 3 * 8 * 8)
    graph, op, model_op = graph_of(write_vdsp())
    stream = built(graph, ("unread", op), (model_op,))
    for turn in range(150):
        stream.run_async([image(turn % 4), image(1)])
        stream.get_operator_output(model_op)
    assert stream._taps["unread"]._queue.qsize() == 50
    with pytest.raises(StreamError, match=r"first 100 outputs of FUSION_OP_RGB_\w+ were dropped"):
        stream.get_operator_output("unread")


def test_outputs_that_something_reads_are_kept_however_late(
    write_vdsp: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vackit.compat.vaststreamx.taps.UNREAD_BYTES", 1)
    graph, op, _ = graph_of(write_vdsp())
    stream = built(graph, ("tap", op))
    stream.run_async([image(0)])
    stream.get_operator_output("tap")
    seeds = range(50)
    for seed in seeds:
        stream.run_async([image(seed)])
    late = [numbers(stream.get_operator_output("tap"))[0].tobytes() for _ in seeds]
    assert len(set(late)) == len(seeds)
