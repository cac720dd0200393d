# SPDX-License-Identifier: Apache-2.0
"""`--help` of every command is quick: it loads nothing heavy."""

import importlib
import subprocess
import sys

import pytest

HEAVY = ("numpy", "onnx", "onnxruntime", "cv2", "jsonschema", "yaml", "tqdm", "multiprocessing")
VAMC = ("build", "compile", "validate", "inspect", "devices")
COMMANDS = [
    ("vackit.cli.vamc", ""),
    *(("vackit.cli.vamc", command) for command in VAMC),
    ("vackit.cli.vamp", ""),
    ("vackit.cli.runstream", ""),
    ("image2npz.cli", ""),
    ("image2npz.valprep", ""),
    ("vamp_eval.cli.vamp_eval", ""),
    ("vamp_eval.cli.eval_topk", ""),
    ("vamp_eval.cli.vamp_npz_decode", ""),
]
_CODE = """
import sys
from {module} import main
arguments = [*{command!r}.split(), "--help"]
code = main(arguments)
print("loaded:", *(name for name in {heavy!r} if name in sys.modules))
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("module", "command"), COMMANDS, ids=[f"{m} {c}".strip() for m, c in COMMANDS]
)
def test_help_loads_nothing_heavy(module: str, command: str) -> None:
    code = _CODE.format(module=module, command=command, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[-1] == "loaded:"
    assert done.stdout.startswith("example:\n  ")


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert importlib.util.find_spec("vackit") is not None
    code = f"import sys, vackit; print([n for n in {HEAVY!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "[]\n"
