# SPDX-License-Identifier: Apache-2.0
import subprocess
import sys
from pathlib import Path

import pytest

from vackit.selftest import demo

HEAVY = {"torch", "sklearn", "numpy", "onnx", "onnxruntime", "cv2", "jsonschema", "yaml"}


def test_demo_stops_with_the_exit_code_and_the_name_of_the_failing_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "bin" / "image2npz"
    script.parent.mkdir()
    script.write_text(f"#!{sys.executable}\nimport sys\nsys.exit('no space left')\n")
    script.chmod(0o755)
    monkeypatch.setattr("sysconfig.get_path", lambda name: str(script.parent))
    monkeypatch.chdir(tmp_path)
    assert demo.main(["--output", "out"]) == 1
    captured = capfd.readouterr()
    assert captured.out.startswith("$ bin/image2npz --dataset_path out/val --target_path out/npz")
    assert captured.err == "no space left\nimage2npz: stopped with exit code 1\n"


def test_importing_selftest_imports_no_pytorch_and_help_nothing_heavy() -> None:
    code = f"""
import sys, vackit.selftest.demo as demo
assert demo.main(["--help"]) == 0
sys.exit(", ".join({HEAVY!r} & set(sys.modules)) or 0)"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("example:\n  python -m vackit.selftest.demo\n")
