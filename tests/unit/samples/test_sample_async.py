# SPDX-License-Identifier: Apache-2.0
"""The asynchronous sample: order, errors, running twice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from vackit.samples.sample_async import main
from vackit.testing.detection.models import color_segments

Compile = Callable[..., list[str]]
Output = pytest.CaptureFixture[str]
WANTED = "images/a.png: best 0, value 0.500000\nimages/b/c.png: best 1024, value 1.000000\n"


@pytest.mark.parametrize("batch", ["1", "4"])
def test_lines_stand_in_the_order_of_the_images(
    compiled: Compile, capsys: Output, batch: str
) -> None:
    arguments = compiled(color_segments())
    assert main([*arguments, "--batch", batch]) == 0
    # the padding (114) is less than half of white, so the background wins in it
    assert Path("out/async_result.txt").read_text() == WANTED
    assert "2 images from 8 clients in " in capsys.readouterr().out


def test_running_twice_is_harmless(compiled: Compile, capsys: Output) -> None:
    arguments = compiled(color_segments())
    main(arguments)
    assert main(arguments) == 0
    assert capsys.readouterr().out.endswith("2 images are there already, nothing to do\n")


def test_an_unreadable_image_stops_no_other_and_is_named(compiled: Compile, capsys: Output) -> None:
    arguments = compiled(color_segments())
    Path("images/broken.png").write_bytes(b"no picture")
    assert main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("sample_async.py: images/broken.png: ")
    assert len(error.splitlines()) == 1
    assert not Path("out/async_result.txt").exists()
