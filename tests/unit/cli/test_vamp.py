# SPDX-License-Identifier: Apache-2.0
"""``vamp``: flags, usage errors, what goes to stdout and what to stderr."""

import json
from pathlib import Path

import numpy as np
import pytest

from vackit.cli.vamp import main
from vackit.cli.vamp_flags import without_strays
from vackit.data.datalist import write_datalist
from vackit.data.npz import write_npz
from vackit.testing.tiny_artifacts import write_tiny_artifact

Output = pytest.CaptureFixture[str]

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


@pytest.fixture
def prefix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return an artifact's prefix; the current folder holds vdsp.json and list.txt too."""
    monkeypatch.chdir(tmp_path)
    write_tiny_artifact(Path("mod"), "identity")
    Path("vdsp.json").write_text(json.dumps(VDSP))
    write_npz(Path("a.npz"), {"input_0": np.full((3, 20, 20), 255, np.uint8)})
    write_datalist(Path("list.txt"), [Path("a.npz")])
    return "mod"


def test_vamp_measures_speed(prefix: str, capsys: Output) -> None:
    assert main(["-m", prefix, "--vdsp_params", "vdsp.json", "--iterations", "2"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("- number of instances: 1\n  devices: [0]\n  queue size: 1\n")
    assert "timed: vdsp preprocessing of a random 8x8 image" in out
    assert err == "device: onnxrt:0 (emulator; no accelerator)\n"


def test_vamp_prints_only_json_on_stdout(prefix: str, capsys: Output) -> None:
    arguments = ["-m", prefix, "-b", "4", "-i", "2", "-s", "[3,8,8]", "-d", "3", "--device", "null"]
    assert main([*arguments, "-t", "0.01", "--warmup", "0", "--json"]) == 0
    out, err = capsys.readouterr()
    data = json.loads(out)
    assert data["instances"] == 2
    assert data["batch_size"] == 4
    assert data["warmup_batches_per_instance"] == 0
    assert data["device"]["device"] == "null:3"
    assert data["emulated"] is True
    assert err == "device: null:3 (emulator; no accelerator)\n"


def test_vamp_takes_the_device_from_the_environment(
    prefix: str, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VACKIT_DEVICE", "null:1")
    assert main(["-m", prefix, "--iterations", "1"]) == 0
    assert capsys.readouterr().err.startswith("device: null:1")


def test_vamp_runs_a_datalist(prefix: str, capsys: Output) -> None:
    command = ["-m", prefix, "--vdsp_params", "vdsp.json", "--datalist", "list.txt"]
    command += ["--path_output", "out", "--hwconfig", "hw.json", "-s", "[3,224,224]"]
    assert main(command) == 0
    out, err = capsys.readouterr()
    assert out == "out: wrote 1 of 1 outputs; emulated\n"
    assert "--hwconfig hw.json: no effect on the emulator" in err
    assert "--shape has no effect with --datalist" in err
    assert json.loads(Path("out/vackit_results.json").read_text())["run"]["emulated"] is True
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["num_written"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--datalist", "list.txt"], "--datalist without --path_output\n  hint: "),
        (["--path_output", "out"], "--path_output without --datalist\n  hint: "),
        (["-s", "3"], "-s '3' is no shape"),
        (["-b", "0"], "argument -b/--batch_size: '0' is no whole number from 1"),
        (["-i", "two"], "argument -i/--instance: 'two' is no whole number from 1"),
        (["-d", "-1"], "argument -d/--device_id: "),
        (["-t", "0"], "argument -t/--time: '0' is no number of seconds above 0"),
        (["-t", "inf"], "argument -t/--time: 'inf' is no number of seconds above 0"),
        (["-t", "1", "--iterations", "1"], "not allowed with argument -t/--time"),
        (["--device", "null:1", "-d", "2"], "device 'null:1' is not the one with index 2"),
        (["--instances", "2"], "unrecognized arguments: --instances 2"),
        (["q", "1"], "unrecognized arguments: q 1"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_vamp_explains_wrong_usage(
    prefix: str, capsys: Output, arguments: list[str], message: str
) -> None:
    assert main(["-m", prefix, *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "nothing"], "nothing: no compiled artifact here"),
        (["-m", "mod", "--device", "card"], "no device named 'card'; known: null, onnxrt, vacc"),
        (["-m", "mod", "--vdsp_params", "none.json"], "none.json"),
    ],
    ids=["no artifact", "no device", "no vdsp params"],
)
def test_vamp_reports_what_is_not_there(
    prefix: str, capsys: Output, arguments: list[str], message: str
) -> None:
    assert main(arguments) == 1
    assert message in capsys.readouterr().err


def test_vamp_needs_a_model(capsys: Output) -> None:
    assert main([]) == 2
    assert "the following arguments are required: -m/--model" in capsys.readouterr().err


def test_vamp_warns_of_a_p_without_its_dash(prefix: str, capsys: Output) -> None:
    assert main(["-m", prefix, "-i", "1", "p", "2", "-b", "1", "--iterations", "1"]) == 0
    err = capsys.readouterr().err
    assert "warning: 'p 2' is ignored; write -p 2 to set the processes" in err


def test_without_strays_keeps_a_value_called_p() -> None:
    assert without_strays(["-m", "p", "1"]) == ["-m", "p", "1"]
    assert without_strays(["--force", "p", "1", "-b", "2"]) == ["--force", "-b", "2"]


def test_vamp_takes_long_names_with_hyphens(prefix: str) -> None:
    assert main(["--model", prefix, "--batch-size", "2", "--iterations", "1"]) == 0
