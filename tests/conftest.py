# SPDX-License-Identifier: Apache-2.0
"""Fixtures that every test may use."""

import logging
import os
from collections.abc import Iterator
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


@pytest.fixture(autouse=True)
def _own_logging() -> Iterator[None]:
    """Give the packages' loggers back as they were: every command configures them."""
    loggers = [logging.getLogger(name) for name in ("vackit", "image2npz", "vamp_eval")]
    before = [(each.handlers[:], each.level, each.propagate) for each in loggers]
    for each in loggers:
        each.handlers[:], each.propagate = [], True
        each.setLevel(logging.NOTSET)
    yield
    for each, (handlers, level, propagate) in zip(loggers, before, strict=True):
        each.handlers[:], each.propagate = handlers, propagate
        each.setLevel(level)
