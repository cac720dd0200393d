# SPDX-License-Identifier: Apache-2.0
"""eval_topk as a user runs it."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest


def run(repo_root: Path, cwd: Path, *args: object) -> subprocess.CompletedProcess[str]:
    """Run the launcher where vackit is not installed, its dependencies are."""
    env = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    command = [sys.executable, "-S", str(repo_root / "eval" / "eval_topk.py"), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with ``result.txt``: one of two cranes right, colons in the paths."""
    lines = [
        f"/d: x/{image}: Relay top-{rank} id: {index}, prob: 0.5, class name: crane"
        for image in ("n02012849/bird.JPEG", "n03126707/machine.JPEG")
        for rank, index in enumerate((517, 134, 1, 2, 3))
    ]
    (tmp_path / "result.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_eval_topk_prints_the_accuracy(repo_root: Path, folder: Path) -> None:
    done = run(repo_root, folder, "result.txt")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("[VACC]:  top1_rate: 50.000 top5_rate: 100.000\n")
    assert done.stderr == ""


def test_eval_topk_prints_json_with_the_sidecars_provenance(repo_root: Path, folder: Path) -> None:
    (folder / "result.txt.json").write_text('{"emulated": true, "onnxruntime": "1.31.1"}')
    data = json.loads(run(repo_root, folder, "result.txt", "--json").stdout)
    assert (data["n"], data["top1_count"], data["top5_count"]) == (2, 1, 2)
    assert data["emulated"] is True
    assert data["run"]["onnxruntime"] == "1.31.1"
    assert data["top1_interval_95"][0] < 50 < data["top1_interval_95"][1]


def test_eval_topk_is_a_gate(repo_root: Path, folder: Path) -> None:
    assert run(repo_root, folder, "result.txt", "--fail_below", 50).returncode == 0
    failed = run(repo_root, folder, "result.txt", "--fail_below", 50.1)
    assert failed.returncode == 1
    assert failed.stderr == "top-1 is 50.000, below the limit of 50.1\n"
    wrong = run(repo_root, folder, "result.txt", "--fail_below", 101)
    assert wrong.returncode == 2
    assert "--fail_below: 101.0 is not a percentage from 0 to 100" in wrong.stderr


def test_eval_topk_says_that_there_are_fewer_than_five(repo_root: Path, folder: Path) -> None:
    text = (folder / "result.txt").read_text().splitlines()
    (folder / "result.txt").write_text("\n".join(line for line in text if "top-0" in line))
    done = run(repo_root, folder, "result.txt")
    assert done.stdout.startswith("[VACC]:  top1_rate: 50.000 top5_rate: 50.000\n")
    assert done.stderr == "only 1 ranked classes an image: top5 is top-1\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "result.txt: holds no result: the file is empty\n"),
        ("nonsense\n", "result.txt:1: 'nonsense' is not 'PATH: "),
        ("/d/cat/a.jpg: Relay top-0 id: 1, prob: 1, class name: x\n", "the folder of '/d/cat/a"),
    ],
    ids=["empty", "form", "folder"],
)
def test_eval_topk_says_what_is_wrong(
    repo_root: Path, folder: Path, text: str, message: str
) -> None:
    (folder / "result.txt").write_text(text)
    done = run(repo_root, folder, "result.txt")
    assert done.returncode == 1
    assert message in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
