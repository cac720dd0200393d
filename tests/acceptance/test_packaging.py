# SPDX-License-Identifier: Apache-2.0
"""The wheel, installed alone, runs every command from an empty folder."""

import importlib
import json
import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

DEPENDENCIES = ("numpy", "yaml", "onnx", "onnxruntime", "cv2", "jsonschema", "tqdm")
PIP_FLAGS = ("--quiet", "--no-index", "--no-deps", "--no-compile")


@dataclass(frozen=True)
class Installed:
    """A fresh environment with the wheel in it, and what its site-packages gained."""

    bin: Path
    gained: set[str]
    folder: Path

    def run(self, command: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run an installed command in an empty folder."""
        hidden = ("PYTHONPATH", "VACKIT_SHARED", "VACKIT_DEVICE")
        environment = {key: value for key, value in os.environ.items() if key not in hidden}
        return subprocess.run(
            [self.bin / command, *arguments],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )


def _scripts(repo_root: Path) -> dict[str, str]:
    with (repo_root / "pyproject.toml").open("rb") as handle:
        scripts: dict[str, str] = tomllib.load(handle)["project"]["scripts"]
    return scripts


@pytest.fixture(scope="module")
def wheel(repo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder],
        cwd=repo_root,
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    before = {path.name for path in site.iterdir()}
    python = folder / "bin" / "python"
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", *PIP_FLAGS, wheel],
        check=True,
        capture_output=True,
    )
    gained = {path.name for path in site.iterdir()} - before
    # the dependencies of this environment, after the wheel's own folder; that the tests'
    # vackit may be installed there too does not matter: its .pth is not read from here
    modules = (importlib.import_module(name) for name in DEPENDENCIES)
    parents = {Path(module.__file__ or "").parent.parent for module in modules}
    (site / "dependencies.pth").write_text("\n".join(sorted(map(str, parents))) + "\n")
    return Installed(folder / "bin", gained, tmp_path_factory.mktemp("empty"))


def test_wheel_adds_three_packages_and_nothing_else(installed: Installed) -> None:
    info = {name for name in installed.gained if name.endswith(".dist-info")}
    assert len(info) == 1
    assert installed.gained - info == {"vackit", "image2npz", "vamp_eval"}


def test_wheel_holds_schemas_samples_and_data(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for part in (
        "vackit/py.typed",
        "vackit/samples/sample_cls.py",
        "vackit/selftest/data/shufflenetv2_digits.onnx",
        "vackit/selftest/data/digits_heldout.npz",
        "vackit/selftest/data/digits_calibration.npz",
        "vackit/selftest/data/digits.json",
        "vackit/selftest/data/configs/build/vackit_digits.yaml",
        "vackit/selftest/training/digits.yaml",
    ):
        assert part in names
    assert any(name.startswith("vackit/config/schemas/") for name in names)
    assert any(name.startswith("vamp_eval/data/") for name in names)
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_installed_package_is_the_one_from_the_wheel(installed: Installed) -> None:
    done = installed.run("python", "-c", "import vackit; print(vackit.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installed.bin.parent), done.stderr


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_every_command_answers(installed: Installed, repo_root: Path, flag: str) -> None:
    for name in _scripts(repo_root):
        done = installed.run(name, flag)
        assert done.returncode == 0, f"{name} {flag}: {done.stderr}"
        assert name.replace("eval_imagenet", "vamp_eval") in done.stdout
        assert done.stderr == ""


def _model(installed: Installed) -> str:
    code = "from vackit.selftest import digits; print(digits.model_path())"
    return installed.run("python", "-c", code).stdout.strip()


def test_inspect_reads_the_embedded_model(installed: Installed) -> None:
    done = installed.run("vamc", "inspect", _model(installed), "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("vamc validate missing.yaml", "missing.yaml"),
        ("vamp -m missing/mod", "missing/mod"),
        ("vamp_eval --result_path missing", "missing"),
        ("eval_topk missing.txt", "missing.txt"),
        ("runstream missing.py", "missing.py"),
    ],
    ids=lambda text: text.split()[0],
)
def test_commands_name_what_is_missing(installed: Installed, line: str, message: str) -> None:
    done = installed.run(*line.split())
    assert done.returncode in (1, 2)
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_demo_runs_from_the_wheel(installed: Installed) -> None:
    done = installed.run("python", "-m", "vackit.selftest.demo", "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["accuracy"]["fp32"]["top1"] >= 98
    assert {path.name for path in installed.folder.iterdir()} == {"demo_output"}
