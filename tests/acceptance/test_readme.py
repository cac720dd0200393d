# SPDX-License-Identifier: Apache-2.0
"""The commands of both READMEs work as typed, in order, after the demo's images are there."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

BLOCK = re.compile(r"^ *```bash\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
READMES = ("README.md", "README.zh-CN.md")


def commands(readme: Path) -> list[str]:
    """Return the lines of all bash blocks (sh blocks are not meant to be run here)."""
    blocks = BLOCK.findall(readme.read_text(encoding="utf-8"))
    return [line.strip() for block in blocks for line in block.splitlines() if line.strip()]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory, repo_root: Path) -> Path:
    """A folder that looks like the repository after `make demo`."""
    from vackit.selftest import digits
    from vackit.selftest.images import write_images

    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(repo_root / "vacc_code", folder / "vacc_code")
    data = Path("runtime") / "vackit" / "selftest" / "data"
    shutil.copytree(repo_root / data, folder / data)
    write_images(digits.load_heldout(), folder / "demo_output" / "val")
    write_images(digits.load_calibration(), folder / "demo_output" / "calib")
    return folder


def test_readmes_show_the_same_commands(repo_root: Path) -> None:
    assert commands(repo_root / READMES[0]) == commands(repo_root / READMES[1])


@pytest.mark.slow
def test_readme_commands_work_as_typed(repo_root: Path, checkout: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    lines = commands(repo_root / "README.md")
    assert len(lines) >= 8
    for line in lines:
        result = subprocess.run(
            shlex.split(line),
            cwd=checkout,
            env=os.environ | {"PATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert result.returncode == 0, f"$ {line}\n{result.stdout}\n{result.stderr}"
    found = re.search(r"top1_rate: ([0-9.]+)", result.stdout)
    assert found is not None
    # float32 gets 99.17 %; three of the 360 images more or less are chance
    assert float(found[1]) >= 98.3
