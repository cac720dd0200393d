# SPDX-License-Identifier: Apache-2.0
"""``vamp`` as its users run it: a process of its own."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from vackit.data.datalist import write_datalist
from vackit.data.npz import read_npz, write_npz
from vackit.testing.program_models import text_model, write_model
from vackit.testing.tiny_artifacts import write_tiny_artifact

VAMP = [sys.executable, "-c", "import sys; from vackit.cli.vamp import main; sys.exit(main())"]
VDSP = {
    "OpType": "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR",
    "OpConfig": {
        "IimageFormat": "RGB_PLANAR",
        "IimageWidth": 20,
        "IimageHeight": 20,
        "OimageWidth": 8,
        "OimageHeight": 8,
        "ResizeType": "BILINEAR_CV",
        "ColorCvtCode": "NO_CHANGE",
        "NormaType": "DIV255",
    },
}
NUM = 40


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_tiny_artifact(Path("deploy/mod"), "conv")
    Path("vdsp.json").write_text(json.dumps(VDSP))
    rng = np.random.default_rng(0)
    paths = [Path("in", f"{i}.npz") for i in range(NUM)]
    for path in paths:
        write_npz(path, {"input_0": rng.integers(0, 256, (3, 20, 20), dtype=np.uint8)})
    write_datalist(Path("list.txt"), paths)


def vamp(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [*VAMP, "-m", "deploy/mod", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_the_published_speed_command_works() -> None:
    done = vamp(
        "--vdsp_params", "vdsp.json", "-i", "2", "p", "1", "-b", "2", "-s", "[3,224,224]",
        "--iterations", "16",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "  throughput (qps): " in done.stdout
    assert "  samples: 64\n" in done.stdout
    assert done.stderr.splitlines() == [
        "warning: 'p 1' is ignored; write -p 1 to set the processes",
        "device: onnxrt:0 (emulator; no accelerator)",
    ]


def test_several_processes_measure_together() -> None:
    done = vamp("-p", "2", "-i", "2", "-b", "4", "--iterations", "8", "--json")
    assert done.returncode == 0, done.stderr
    data = json.loads(done.stdout)
    assert data["processes"] == 2
    assert data["num_samples"] == 2 * 2 * 4 * 8


def test_the_published_datalist_command_works_whatever_the_instances() -> None:
    first = vamp(
        "--vdsp_params", "vdsp.json", "-i", "1", "-p", "1", "-b", "8", "-s", "[3,224,224]",
        "--datalist", "list.txt", "--path_output", "one",
    )  # fmt: skip
    assert first.returncode == 0, first.stderr
    second = vamp(
        "--vdsp_params", "vdsp.json", "-i", "3", "-b", "8",
        "--datalist", "list.txt", "--path_output", "three",
    )  # fmt: skip
    assert second.returncode == 0, second.stderr
    names = sorted(path.name for path in Path("one").glob("output_*.npz"))
    assert names == [f"output_{i:06d}.npz" for i in range(NUM)]
    for name in [*names, "vackit_results.json"]:
        assert Path("one", name).read_bytes() == Path("three", name).read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C goes another way there")
@pytest.mark.parametrize("processes", ["1", "2"])
def test_ctrl_c_ends_a_measurement(processes: str) -> None:
    # the process group stands for the terminal: children get the signal too
    with subprocess.Popen(
        [*VAMP, "-m", "deploy/mod", "-i", "2", "-p", processes, "-t", "600"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        assert running.stderr.readline().startswith("device: ")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, out, err) == (130, "", "interrupted\n")


def test_the_published_commands_of_text_models_work() -> None:
    write_model("deploy/text", text_model())
    Path("bert.json").write_text('{"OpType": "BERT_EMBEDDING_OP"}')
    ids, types, mask = (np.array([row], np.int32) for row in ([7, 8, 9, 0], [0] * 4, [1, 1, 1, 0]))
    six = dict(zip((f"input_{i}" for i in range(6)), (ids, types, *[mask] * 4), strict=True))
    write_npz(Path("in/text.npz"), six)
    write_datalist(Path("text.txt"), [Path("in/text.npz")])
    text = ("-m", "deploy/text", "--vdsp_params", "bert.json", "-i", "1", "-b", "1")
    shapes = "[[1,4],[1,4],[1,4],[1,4],[1,4],[1,4]]"
    measured = vamp(*text, "-s", shapes, "--iterations", "2")
    assert measured.returncode == 0
    assert "BERT_EMBEDDING_OP: no preprocessing, the model gets tensors" in measured.stderr
    assert vamp(*text, "--datalist", "text.txt", "--path_output", "out").returncode == 0
    assert read_npz(Path("out/output_000000.npz"))["output_0"].tolist() == [[710, 810, 910, 0]]
