# SPDX-License-Identifier: Apache-2.0
import json
import threading
from typing import Any

import numpy as np
import pytest

from vackit.devices.base import Program
from vackit.errors import StreamError
from vackit.stream import recorder as recorder_module
from vackit.stream.graph import make_graph
from vackit.stream.recorder import Recorder, current_recorder, operator_name, recording, span
from vackit.stream.stream import Stream


def run(program: Program, count: int) -> None:
    with Stream(make_graph(program), max_batch=2, max_delay_us=None) as stream:
        for _ in stream.map(np.full((1,), i, np.float32) for i in range(count)):
            pass


def test_recorder_counts_every_execution(program: Program) -> None:
    with recording() as recorder:
        run(program, 7)
    profile = {one.name: one for one in recorder.profile()}
    assert profile["tensors"].count == 7
    assert profile["bench"].count == 4
    assert (profile["tensors"].mean_depth or 0) >= 1
    assert profile["bench"].mean_depth is None


def test_nothing_is_recorded_outside(program: Program) -> None:
    with recording() as recorder:
        pass
    run(program, 2)
    assert recorder.profile() == []
    assert current_recorder() is None
    assert span("a") is span("b")


def test_profile_tells_mean_and_95th_percentile() -> None:
    recorder = Recorder()
    for milliseconds in range(100):
        recorder.add("x", 0.0, milliseconds / 1e3)
    (profile,) = recorder.profile()
    assert (profile.count, profile.p95_ms) == (100, 95.0)
    assert profile.mean_ms == pytest.approx(49.5)
    assert profile.total_ms == pytest.approx(4950)


def test_chrome_trace_holds_spans_threads_and_depths() -> None:
    with recording() as recorder:
        with span("outer"), span("inner"):
            pass
        recorder.add_depth("outer", 3)
    trace = json.loads(json.dumps(recorder.chrome_trace()))
    by_kind: dict[str, list[Any]] = {}
    for event in trace["traceEvents"]:
        by_kind.setdefault(event["ph"], []).append(event)
    assert by_kind["M"][0]["args"]["name"] == threading.current_thread().name
    inner, outer = by_kind["X"]
    assert (inner["name"], outer["name"]) == ("inner", "outer")
    assert outer["ts"] <= inner["ts"]
    assert outer["ts"] + outer["dur"] >= inner["ts"] + inner["dur"]
    assert by_kind["C"][0]["args"] == {"samples": 3}


def test_a_trace_stops_growing_and_the_profile_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorder_module, "MAX_EVENTS", 2)
    with recording() as recorder:
        for _ in range(5):
            with span("x"):
                recorder.add_depth("x", 1)
    assert recorder.profile()[0].count == 5
    kinds = [event["ph"] for event in recorder.chrome_trace()["traceEvents"]]
    assert kinds == ["M", "X", "X", "C", "C"]


def test_one_recorder_listens_at_a_time() -> None:
    with recording(), pytest.raises(StreamError, match="a recorder is listening already"):
        recording().__enter__()


def test_operators_are_named_by_themselves_or_their_class() -> None:
    class Plain:
        pass

    assert operator_name(Plain()) == "Plain"
    assert operator_name(print) == "print"
