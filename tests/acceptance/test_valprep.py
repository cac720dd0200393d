# SPDX-License-Identifier: Apache-2.0
"""valprep as a user runs it."""

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
    command = [sys.executable, "-S", str(repo_root / "tools" / "valprep.py"), *map(str, args)]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    """Return a folder with flat ``images`` and their labels in ``val.txt``."""
    (tmp_path / "images").mkdir()
    for number in range(1, 4):
        (tmp_path / "images" / f"ILSVRC2012_val_{number:08d}.JPEG").write_bytes(bytes([number]))
    labels = {1: 65, 2: 970, 3: 230}
    lines = [f"ILSVRC2012_val_{n:08d}.JPEG {index}\n" for n, index in labels.items()]
    (tmp_path / "val.txt").write_text("".join(lines))
    return tmp_path


ARGUMENTS = ["--images", "images", "--labels", "val.txt", "--target", "val"]


def test_valprep_sorts_by_the_labels(repo_root: Path, flat: Path) -> None:
    done = run(repo_root, flat, *ARGUMENTS, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["num_placed"] == 3
    placed = {path.name: path.parent.name for path in (flat / "val").rglob("*.JPEG")}
    assert placed == {
        "ILSVRC2012_val_00000001.JPEG": "n01751748",
        "ILSVRC2012_val_00000002.JPEG": "n09193705",
        "ILSVRC2012_val_00000003.JPEG": "n02105855",
    }
    assert len(list((flat / "images").iterdir())) == 3
    again = run(repo_root, flat, *ARGUMENTS)
    assert again.stdout == "val: 3 images in 3 class folders, 0 newly linked: nothing to do\n"


def test_valprep_names_what_does_not_fit(repo_root: Path, flat: Path) -> None:
    (flat / "images" / "ILSVRC2012_val_00000002.JPEG").unlink()
    done = run(repo_root, flat, *ARGUMENTS)
    assert done.returncode == 1
    assert done.stderr == (
        "val.txt: labels ILSVRC2012_val_00000002, but images has no such image\n"
    )
    assert not (flat / "val").exists()


def test_valprep_without_arguments_is_wrong_usage(repo_root: Path, flat: Path) -> None:
    done = run(repo_root, flat)
    assert done.returncode == 2
    assert "valprep --help" in done.stderr
