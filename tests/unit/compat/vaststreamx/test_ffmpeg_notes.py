# SPDX-License-Identifier: Apache-2.0
"""What is printed while OpenCV's notes are held back."""

import os

import pytest

from vackit.compat.vaststreamx.ffmpeg_notes import without_notes


def test_without_notes_drops_notes_alone(capfd: pytest.CaptureFixture[str]) -> None:
    with without_notes():
        os.write(2, b"OpenCV: FFMPEG: tag\nthe program's own\n")
        assert capfd.readouterr().err == ""
    assert capfd.readouterr().err == "the program's own\n"


def test_without_notes_gives_stderr_back_when_something_is_raised(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ValueError, match="inside"), without_notes():
        raise ValueError("inside")
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_without_notes_runs_without_a_stderr() -> None:
    kept = os.dup(2)
    os.close(2)
    try:
        with without_notes():
            ran = True
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert ran
