# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def repo_root() -> Path:
    """Return the root of the source tree."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Return the folder of shared real models and images; skip where there is none.

    It is looked for where ``VACKIT_SHARED`` says, else beside the source tree.
    """
    folder = Path(os.environ.get("VACKIT_SHARED", ROOT.parent / "shared"))
    if not (folder / "models").is_dir():
        pytest.skip(f"needs the shared models and images; none at {folder} (set VACKIT_SHARED)")
    return folder


@pytest.fixture(autouse=True)
def _no_plugins(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    monkeypatch.setenv("VACKIT_PLUGINS", "none")
    monkeypatch.setenv("VACKIT_CACHE_DIR", str(tmp_path_factory.getbasetemp() / "cache"))
