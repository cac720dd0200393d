# SPDX-License-Identifier: Apache-2.0
"""`make demo`: the whole road on the embedded default, twice."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from vackit.selftest import digits

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def output(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("demo") / "out"


def _demo(repo_root: Path, output: Path, *more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "vackit.selftest.demo", "--output", output, *more],
        cwd=repo_root,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def first(repo_root: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return _demo(repo_root, output)


def test_demo_ends_with_the_table(first: subprocess.CompletedProcess[str]) -> None:
    assert first.returncode == 0, first.stderr
    table = first.stdout.rpartition("\n\nshufflenetv2_digits.onnx on 360")[2]
    rates = [float(rate) for rate in re.findall(r"^top-1 +(\S+) % \(\d+/360\)", table, re.M)]
    assert rates
    assert rates[0] >= 98
    for row in ("float32", "int8", "top-5", "throughput (samples/s)", "latency p99 (ms)"):
        assert row in table
    assert "\nemulated: onnxrt:0 (onnxruntime " in table


def test_demo_prints_every_command_before_it_runs(
    first: subprocess.CompletedProcess[str],
) -> None:
    commands = [line.split()[1:] for line in first.stdout.splitlines() if line.startswith("$ ")]
    assert [Path(words[0]).name for words in commands] == [
        *("image2npz", "vamc", "vamc", "vamp", "vamp"),
        *("vamp", "vamp_eval", "vamp", "vamp_eval", "runstream", "eval_topk"),
    ]
    assert any("vacc_code/build/vackit_digits.yaml" in words for words in commands)


def test_demo_quantizes_without_losing_digits(
    first: subprocess.CompletedProcess[str], output: Path, repo_root: Path
) -> None:
    report = json.loads(_demo(repo_root, output, "--json").stdout)
    int8, fp32 = report["accuracy"]["int8"], report["accuracy"]["fp32"]
    # seven images are 2 %; the exact McNemar test calls fewer than 6 one-sided flips chance
    assert fp32["top1_count"] - int8["top1_count"] < 6
    assert report["speed"]["int8"]["emulated"] is True


def test_demo_run_again_takes_up_what_is_there(
    first: subprocess.CompletedProcess[str], output: Path, repo_root: Path
) -> None:
    def stamps() -> dict[Path, int]:
        return {p: p.stat().st_mtime_ns for p in output.rglob("*") if p.is_file()}

    before = stamps()
    assert len(before) > 2 * len(digits.load_heldout())
    again = _demo(repo_root, output)
    assert again.returncode == 0, again.stderr
    assert stamps() == before


def test_demo_mends_what_is_missing(
    first: subprocess.CompletedProcess[str], output: Path, repo_root: Path
) -> None:
    lost = [next((output / "npz").rglob("*.npz")), output / "results_int8" / "output_000007.npz"]
    content = [path.read_bytes() for path in lost]
    for path in lost:
        path.unlink()
    again = _demo(repo_root, output)
    assert again.returncode == 0, again.stderr
    assert [path.read_bytes() for path in lost] == content
