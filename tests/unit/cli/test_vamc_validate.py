# SPDX-License-Identifier: Apache-2.0
import json
import subprocess
import sys
from pathlib import Path

import pytest

from vackit.cli import vamc_validate
from vackit.console import Parser, add_common, run_command

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
VALID = EXAMPLES / "valid"


def run(*arguments: object) -> int:
    parser = Parser("vamc validate", vamc_validate.HELP, vamc_validate.EXAMPLE)
    vamc_validate.add_arguments(parser)
    add_common(parser)
    return run_command(parser, vamc_validate.run, [str(argument) for argument in arguments])


def test_validate_prints_one_line_for_each_valid_file(capsys: pytest.CaptureFixture[str]) -> None:
    vdsp, info = VALID / "vdsp_a.json", VALID / "model_info.json"
    assert run(vdsp, info) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{vdsp}: valid vdsp_params JSON\n{info}: valid model_info JSON\n"
    assert captured.err == ""


def test_validate_prints_findings_and_notes_on_stderr(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    assert run("invalid/model_info_mismatch.json", "valid/build_minimal.yaml") == 1
    captured = capsys.readouterr()
    assert captured.out == "valid/build_minimal.yaml: valid build YAML\n"
    assert "invalid/model_info_mismatch.json:4:23: model_graph_path: " in captured.err
    assert "warning: valid/build_minimal.yaml:3:3: frontend: no 'type'" in captured.err


def test_validate_takes_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(VALID / "build_minimal.yaml", "--set", "backend.dtype=int7") == 1
    assert "--set backend.dtype=int7: backend.dtype: 'int7'" in capsys.readouterr().err


def test_validate_refuses_overrides_that_nothing_takes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(VALID / "vdsp_a.json", "--set", "backend.dtype=int8") == 2
    assert "--set changes a build YAML, and there is none" in capsys.readouterr().err


def test_validate_prints_everything_as_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(EXAMPLES)
    assert run("invalid/build_names.yaml", "valid/vdsp_c.json", "--json") == 1
    report = json.loads(capsys.readouterr().out)
    assert report["valid"] is False
    wrong, right = report["files"]
    assert wrong["kind"] == "build YAML"
    assert wrong["findings"][1] == {
        "message": "expected a mapping that is not empty",
        "file": "invalid/build_names.yaml",
        "line": 4,
        "column": 10,
        "key_path": "frontend.shape",
        "hint": "",
    }
    assert right["valid"] is True
    assert [note["key_path"] for note in right["notes"]] == [
        "OpConfig.Scale",
        "OpConfig.TensorType0",
    ]


def test_importing_the_command_loads_nothing_heavy() -> None:
    code = "import sys, vackit.cli.vamc_validate; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"yaml", "jsonschema", "numpy"} & set(done.stdout.split())
