# SPDX-License-Identifier: Apache-2.0
import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import vackit

ROOTS = {"vackit": "runtime", "image2npz": "tools", "vamp_eval": "eval"}


def test_all_is_sorted() -> None:
    assert vackit.__all__ == sorted(vackit.__all__)


def test_all_is_the_namespace() -> None:
    assert dir(vackit) == vackit.__all__
    public = {"__version__", *vackit._PUBLIC}
    assert set(vackit.__all__) == public


@pytest.mark.parametrize("name", vackit.__all__)
def test_every_public_name_can_be_had_and_is_documented(name: str) -> None:
    value = getattr(vackit, name)
    if name != "__version__":
        assert value.__doc__, f"{name} has no docstring"
        assert getattr(importlib.import_module(vackit._PUBLIC[name]), name) is value


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError, match="module 'vackit' has no attribute 'nonsense'"):
        vackit.nonsense  # noqa: B018 - the access is what is tested


def test_import_loads_nothing_else() -> None:
    code = "import sys, vackit; print(sorted(m for m in sys.modules if m.startswith('vackit.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "['vackit._version']\n"


def test_nothing_inside_imports_from_the_public_face(repo_root: Path) -> None:
    for package, root in ROOTS.items():
        for path in (repo_root / root / package).rglob("*.py"):
            tree = ast.parse(path.read_text(encoding="utf-8"))
            for node in ast.walk(tree):
                if isinstance(node, ast.ImportFrom) and node.module == "vackit":
                    taken = {alias.name for alias in node.names} & set(vackit.__all__)
                    assert not taken, f"{path}:{node.lineno}: import {taken} from its module"
