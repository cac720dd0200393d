# SPDX-License-Identifier: Apache-2.0
"""``distutils`` for programs, where Python has none."""

import importlib
import importlib.util
import sys
from typing import Any

import pytest

from vackit.compat.former import distutils_modules
from vackit.compat.former.distutils_modules import LooseVersion, restore_distutils, strtobool


@pytest.fixture
def no_distutils(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave this process without ``distutils``, and as it was afterwards."""
    for name in ("distutils", "distutils.util", "distutils.version"):
        monkeypatch.setitem(sys.modules, name, sys)  # undone even where it was not there
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(distutils_modules, "_HAS_OWN", False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)


@pytest.mark.usefixtures("no_distutils")
def test_programs_import_what_python_has_dropped() -> None:
    restore_distutils()
    util: Any = importlib.import_module("distutils.util")
    version: Any = importlib.import_module("distutils.version")
    assert sys.modules["distutils"].__spec__ is not None  # else `find_spec` of others raises
    assert util.__spec__.name == "distutils.util"
    assert util.strtobool("True") == 1
    assert version.LooseVersion("1.10") > version.StrictVersion("1.9")


def test_an_own_distutils_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distutils_modules, "_HAS_OWN", False)
    monkeypatch.setitem(sys.modules, "distutils", sys)
    restore_distutils()
    assert sys.modules["distutils"] is sys


@pytest.mark.parametrize("word", ["y", "Yes", "t", "TRUE", "on", "1"])
def test_strtobool_knows_yes(word: str) -> None:
    assert strtobool(word) == 1


@pytest.mark.parametrize("word", ["n", "No", "f", "FALSE", "off", "0"])
def test_strtobool_knows_no(word: str) -> None:
    assert strtobool(word) == 0


def test_strtobool_refuses_what_is_neither() -> None:
    with pytest.raises(ValueError, match="invalid truth value 'maybe'"):
        strtobool("Maybe")


def test_versions_are_compared_part_by_part() -> None:
    assert LooseVersion("1.13.1") >= "1.13.0"
    assert LooseVersion("2.0.0a1") < LooseVersion("2.0.0.1")
    assert LooseVersion("1.2") == LooseVersion("1.2")
    assert len({LooseVersion("1.2"), LooseVersion("1.2")}) == 1
    assert str(LooseVersion("1.2")) == "1.2"


@pytest.mark.usefixtures("no_distutils")
def test_what_distutils_lacks_here_is_not_found() -> None:
    restore_distutils()
    with pytest.raises(ModuleNotFoundError, match=r"distutils\.core"):
        importlib.import_module("distutils.core")
