# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest

from vackit.config.environment import cache_dir, variable


def test_variable_is_none_when_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VACKIT_DEVICE", raising=False)
    assert variable("VACKIT_DEVICE") is None


@pytest.mark.parametrize(
    ("own", "xdg", "want"),
    [
        ("/own", "/xdg", "/own"),
        ("~/own", "/xdg", "/home/me/own"),
        ("", "/xdg", "/xdg/vackit"),
        ("", "relative", "/home/me/.cache/vackit"),
        ("", "", "/home/me/.cache/vackit"),
    ],
    ids=["own", "own-home", "xdg", "xdg-relative", "none"],
)
def test_cache_dir_follows_the_environment(
    own: str, xdg: str, want: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("VACKIT_CACHE_DIR", own)
    monkeypatch.setenv("XDG_CACHE_HOME", xdg)
    assert cache_dir() == Path(want)
