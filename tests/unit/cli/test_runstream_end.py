# SPDX-License-Identifier: Apache-2.0
"""The end of programs: threads left behind, results lost, tables and traces."""

import json
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from vackit.cli.runstream import main
from vackit.compat.losses import losses
from vackit.testing.tiny_artifacts import write_tiny_artifact

TIMEOUT_S = 60
PROGRAM = """
import threading
import numpy as np
import vaststreamx as vsx

graph, model_op = vsx.Graph(), vsx.ModelOperator(vsx.Model("mod", 1))
graph.add_operators(model_op)
stream = vsx.Stream(graph, vsx.StreamBalanceMode.ONCE)
stream.register_operator_output(model_op)
stream.build()


def take():
    try:
        while True:
            stream.get_operator_output(model_op)
    except ValueError:
        print("end")


reader = threading.Thread(target=take, name="reader")
reader.start()
stream.run_async([[vsx.from_numpy(np.zeros((1, 3, 8, 8), np.float16), 0)]])
"""


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for name in ("VACKIT_DEVICE", "PYTHONPATH", "PYTHONWARNINGS", "PATH"):
        monkeypatch.setenv(name, "")
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    write_tiny_artifact(Path("mod"), "identity")
    with np.printoptions():
        yield


def run(text: str, *options: str) -> int:
    Path("program.py").write_text(text)
    return main([*options, "program.py"])


def reader() -> threading.Thread | None:
    return next((each for each in threading.enumerate() if each.name == "reader"), None)


def test_streams_that_a_program_leaves_open_end_with_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(PROGRAM) == 0
    if thread := reader():
        thread.join(TIMEOUT_S)
    assert reader() is None
    assert capsys.readouterr() == ("end\n", "")


def test_a_thread_that_may_still_bring_something_is_waited_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    late = """
def bring():
    reader.join(1.5)  # longer than two looks
    stream.run_async([[vsx.from_numpy(np.zeros((1, 3, 8, 8), np.float16), 0)]])
    print("brought")


threading.Thread(target=bring, name="bringer").start()
"""
    assert run(PROGRAM + late) == 0
    for thread in threading.enumerate():
        if thread.name in ("reader", "bringer"):
            thread.join(TIMEOUT_S)
    assert capsys.readouterr() == ("brought\nend\n", "")


def test_threads_of_a_pool_may_still_bring_something() -> None:
    with ThreadPoolExecutor(1) as executor:
        executor.submit(int).result()
        assert run(PROGRAM) == 0
        thread = reader()
        assert thread is not None
        thread.join(1.5)  # longer than two looks
        assert thread.is_alive()
    thread.join(TIMEOUT_S)
    assert not thread.is_alive()


def test_a_failed_program_does_not_hang_on_its_readers(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(PROGRAM + "raise RuntimeError('mine')") == 1
    if thread := reader():
        thread.join(TIMEOUT_S)
    out, err = capsys.readouterr()
    assert out == "end\n"
    assert err.endswith("RuntimeError: mine\n")


def test_runstream_reports_a_result_that_its_program_never_got(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # a sample of the 2023 interface failed, and the program ended without asking for it
    lose = (
        "from vackit.compat.losses import Loss, losses\n"
        "from vackit.errors import StreamError\n"
        "losses.append(Loss(StreamError('input 3 failed', where='mod'), is_told={}))\n"
    )
    try:
        assert run(lose.format(False)) == 1
        assert capsys.readouterr().err == "mod: input 3 failed\n"
        losses.clear()
        assert run(lose.format(True)) == 0
        assert run("raise KeyboardInterrupt") == 1
        assert capsys.readouterr().err == "mod: input 3 failed\n"
    finally:
        losses.clear()


def test_runstream_profiles_and_traces(capsys: pytest.CaptureFixture[str]) -> None:
    program = (
        "import threading, numpy as np, vaststreamx as vsx\n"
        "image = vsx.create_image(np.zeros(24, np.uint8), vsx.ImageFormat.GRAY, 6, 4, 0)\n"
        "def work():\n"
        "    vsx.crop(image, (0, 0, 2, 2))\n"
        "threading.Thread(target=work).start()\n"
        "vsx.crop(image, (0, 0, 2, 2))\n"
    )
    assert run(program, "--profile", "--trace", "trace.json") == 0
    out, err = capsys.readouterr()
    assert out == ""
    head, row = err.splitlines()
    assert head.split() == ["operator", "count", "mean", "ms", "p95", "ms", "queue", "depth"]
    assert row.split()[:2] == ["crop", "2"]
    events = json.loads(Path("trace.json").read_text())["traceEvents"]
    assert sum(event["name"] == "crop" for event in events) == 2
