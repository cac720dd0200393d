# SPDX-License-Identifier: Apache-2.0
"""image2npz as a user runs it: from another folder, in processes, from a bare clone."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import cv2
import numpy as np
import pytest

FORMS = {"launcher": ["tools/image2npz.py"], "folder": ["tools/image2npz"]}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Return a folder of sixty images in three classes: enough for a second process."""
    for index in range(60):
        path = tmp_path / "images" / f"n{index % 3}" / f"img{index}.{['JPEG', 'png'][index % 2]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(index).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        assert cv2.imwrite(str(path), pixels)
    return tmp_path / "images"


def run(
    repo_root: Path, form: list[str], cwd: Path, *args: object
) -> subprocess.CompletedProcess[str]:
    """Run a script of the clone where vackit is not installed, its dependencies are."""
    # -S leaves out the .pth file of an editable install; the packages beside it are found
    env = {**os.environ, "PYTHONPATH": sysconfig.get_paths()["purelib"]}
    script = [str(repo_root / form[0]), *form[1:]]
    command = [sys.executable, "-S", *script, *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_image2npz_runs_from_a_bare_clone_in_two_processes(
    repo_root: Path, images: Path, tmp_path: Path, form: list[str]
) -> None:
    arguments = ["--dataset_path", images, "--target_path", "npz", "--text_path", "out/list.txt"]
    done = run(repo_root, form, tmp_path, *arguments, "-j", 2, "--json")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    report = json.loads(done.stdout)
    assert (report["num_images"], report["num_written"], report["num_kept"]) == (60, 60, 0)
    lines = (tmp_path / "out" / "list.txt").read_text().splitlines()
    assert len(lines) == 60
    assert lines[:2] == [str(tmp_path / "npz" / "n0" / f"img{i}.npz") for i in (0, 3)]
    with np.load(lines[0], allow_pickle=False) as loaded:
        assert (loaded["input_0"].shape, loaded["input_0"].dtype) == ((3, 9, 12), np.uint8)

    again = run(repo_root, form, tmp_path, *arguments)
    assert again.returncode == 0
    assert again.stdout == "out/list.txt: 0 npz files written, 60 kept: nothing to do\n"


def test_image2npz_names_every_unreadable_image(
    repo_root: Path, images: Path, tmp_path: Path
) -> None:
    (images / "n0" / "empty.jpg").touch()
    (images / "n1" / "cut.jpg").write_bytes((images / "n0" / "img0.JPEG").read_bytes()[:-9])
    arguments = ["--dataset_path", images, "--target_path", "npz", "--text_path", "list.txt"]
    done = run(repo_root, FORMS["launcher"], tmp_path, *arguments)
    assert done.returncode == 1
    assert f"{images}/n0/empty.jpg: is empty (0 bytes)" in done.stderr
    assert f"{images}/n1/cut.jpg: is cut off" in done.stderr
    assert "2 of 62 images cannot be read; no datalist was written" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "list.txt").exists()

    done = run(repo_root, FORMS["launcher"], tmp_path, *arguments, "--on_error", "skip", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report["num_skipped"] == 2
    assert [entry["image"] for entry in report["skipped"]] == ["n0/empty.jpg", "n1/cut.jpg"]
    assert done.stderr.count("warning: ") == 2
    assert len((tmp_path / "list.txt").read_text().splitlines()) == 60


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "the following arguments are required: --dataset_path"),
        (["--jobs", "0"], 2, "--jobs: 0 is less than 1"),
        (["--suffix", "npz"], 2, "--suffix: 'npz' is not the suffix of an image"),
        (["--suffix", "bmp"], 1, "has no files ending in .bmp (60 files seen"),
        (["--dataset-path", "nowhere"], 1, "nowhere: no such folder"),
        (["--text_path", "npz/n0"], 0, ""),
    ],
    ids=["none", "jobs", "suffix", "no match", "no folder", "fine"],
)
def test_image2npz_says_what_is_wrong(
    repo_root: Path, images: Path, tmp_path: Path, arguments: list[str], code: int, message: str
) -> None:
    usual = ["--dataset_path", images, "--target_path", "target", "--text_path", "list.txt"]
    done = run(repo_root, FORMS["launcher"], tmp_path, *(usual if arguments else []), *arguments)
    assert done.returncode == code
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_image2npz_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, contextlib, io\n"
        "from image2npz.cli import build_parser\n"
        "from image2npz.valprep import build_parser as other\n"
        "build_parser().format_help(), other().format_help()\n"
        "print(sorted({'numpy', 'cv2', 'onnx', 'onnxruntime', 'jsonschema'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_import_image2npz_finds_the_package(repo_root: Path) -> None:
    code = "import image2npz; print(image2npz.__file__)"
    env = {**os.environ, "PYTHONPATH": str(repo_root / "tools")}
    done = subprocess.run(
        [sys.executable, "-S", "-c", code], env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == str(repo_root / "tools" / "image2npz" / "__init__.py")
