# SPDX-License-Identifier: Apache-2.0
"""vamp_eval, eval_imagenet and vamp_npz_decode as a user runs them."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from vackit.data.npz import write_npz
from vackit.results.writer import ResultsWriter

SYNSETS = ["n01440764", "n01443537", "n02012849", "n03126707"]
INDICES = [0, 1, 134, 517]


def run(repo_root: Path, name: str, cwd: Path, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a launcher where vackit is not installed, its dependencies are."""
    env = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    command = [sys.executable, "-S", str(repo_root / "eval" / f"{name}.py"), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def road(tmp_path: Path) -> Path:
    """Return a folder with ``npz``, ``list.txt`` and ``output``: two of four images right."""
    inputs = [tmp_path / "npz" / synset / f"img{i}.npz" for i, synset in enumerate(SYNSETS)]
    for path in inputs:
        write_npz(path, {"input_0": np.zeros((3, 2, 2), np.uint8)})
    (tmp_path / "list.txt").write_text("".join(f"{path}\n" for path in inputs))
    (tmp_path / "label.txt").write_text(
        "".join(f"img{i}.JPEG {index}\n" for i, index in reversed(list(enumerate(INDICES))))
    )
    writer = ResultsWriter(tmp_path / "output", inputs, {"emulated": True})
    for index in writer.pending:
        scores = np.zeros((1, 1000), np.float16)
        scores[0, INDICES[index]] = 1
        if index >= 2:
            scores[0, 650 - INDICES[index]] = 2  # right in second place only
        writer.write(index, [scores])
    writer.finish()
    return tmp_path


LINE = "[VACC]:  top1_rate: 50.000 top5_rate: 100.000\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--result_path", "output"],
        ["--result_path", "output", "--datalist", "list.txt"],
        ["--result_path", "output", "--datalist", "list.txt", "--label", "label.txt"],
        ["--result-path", "output", "--label", "label.txt"],
    ],
    ids=["alone", "datalist", "all", "label"],
)
@pytest.mark.parametrize("name", ["vamp_eval", "eval_imagenet"])
def test_vamp_eval_prints_the_accuracy(
    repo_root: Path, road: Path, name: str, arguments: list[str]
) -> None:
    done = run(repo_root, name, road, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(LINE)
    assert done.stderr == "these results are the emulator's, not a card's\n"


def test_vamp_eval_prints_json(repo_root: Path, road: Path) -> None:
    done = run(repo_root, "vamp_eval", road, "--result_path", "output", "--json")
    data = json.loads(done.stdout)
    assert (data["n"], data["top1"], data["top5"]) == (4, 50.0, 100.0)
    assert (data["top1_count"], data["top5_count"], data["emulated"]) == (2, 4, True)


def test_vamp_eval_of_a_cards_results_warns_once(repo_root: Path, road: Path) -> None:
    (road / "output" / "vackit_results.json").unlink()
    done = run(repo_root, "vamp_eval", road, "--result_path", "output", "--datalist", "list.txt")
    assert done.returncode == 0
    assert done.stdout.startswith(LINE)
    assert done.stderr.count("warning: ") == 1
    alone = run(repo_root, "vamp_eval", road, "--result_path", "output")
    assert alone.returncode == 1
    assert "add --datalist" in alone.stderr


def test_vamp_eval_names_a_missing_result(repo_root: Path, road: Path) -> None:
    (road / "output" / "output_000002.npz").unlink()
    done = run(repo_root, "vamp_eval", road, "--result_path", "output")
    assert done.returncode == 1
    assert "missing: output_000002.npz" in done.stderr
    assert done.stdout == ""


def test_vamp_npz_decode_writes_what_eval_topk_reads(repo_root: Path, road: Path) -> None:
    names = repo_root / "eval" / "vamp_eval" / "data" / "imagenet_classes.txt"
    arguments = ["list.txt", "output", "result.txt", names]
    done = run(repo_root, "vamp_npz_decode", road, *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stdout == "result.txt: 20 lines of 4 images written\n"
    first = (road / "result.txt").read_text().splitlines()[0]
    assert first == (
        f"{road}/npz/n01440764/img0.npz: Relay top-0 id: 0, prob: 1.00000000, "
        "class name: tench, Tinca tinca"
    )
    again = run(repo_root, "vamp_npz_decode", road, *arguments, "--json")
    assert json.loads(again.stdout)["is_new"] is False
    scored = run(repo_root, "eval_topk", road, "result.txt")
    assert scored.stdout.startswith(LINE)
    wrong = run(repo_root, "vamp_npz_decode", road, *arguments, "--topk", 0)
    assert (wrong.returncode, wrong.stderr) == (2, "--topk: 0 is less than 1\n")


def test_a_published_decoder_still_reads_the_folder(road: Path) -> None:
    # what the published tool does: pair the list with the sorted folder
    lines = (road / "list.txt").read_text().splitlines()
    names = sorted(path.name for path in (road / "output").iterdir())
    best = []
    for _, name in zip(lines, names, strict=False):
        with np.load(road / "output" / name) as loaded:
            best.append(int(loaded["output_0"].squeeze().argmax()))
    assert best == [0, 1, 650 - 134, 650 - 517]


def test_evaluation_help_loads_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from vamp_eval.cli import vamp_eval, eval_topk, vamp_npz_decode\n"
        "for module in (vamp_eval, eval_topk, vamp_npz_decode):\n"
        "    module.build_parser().format_help()\n"
        "print(sorted({'numpy', 'cv2', 'onnx', 'onnxruntime', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
