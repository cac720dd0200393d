# SPDX-License-Identifier: Apache-2.0
"""The older names of Pillow."""

from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont

from vackit.compat.former.pillow_names import restore_pillow_names


@pytest.fixture(autouse=True)
def _restored() -> None:
    restore_pillow_names()
    restore_pillow_names()


def test_resampling_methods_have_their_older_names() -> None:
    old: Any = Image
    by = Image.Resampling
    assert (old.ANTIALIAS, old.LINEAR, old.CUBIC) == (by.LANCZOS, by.BILINEAR, by.BICUBIC)


def test_a_font_tells_the_size_of_a_text() -> None:
    font: Any = ImageFont.load_default(20)
    left, top, right, bottom = font.getbbox("Text")
    assert font.getsize("Text") == (right - left, bottom)
    assert top > 0  # which the height has in it
    assert font.getsize("Text", stroke_width=2)[0] > right - left
    turned: Any = ImageFont.TransposedFont(font, Image.Transpose.ROTATE_90)
    assert turned.getsize("Text")[1] > turned.getsize("Text")[0]


def test_a_drawing_tells_the_size_of_a_text() -> None:
    draw: Any = ImageDraw.Draw(Image.new("RGB", (9, 9)))
    font = ImageFont.load_default(20)
    assert draw.textsize("Text", font) == draw.textsize("Text", font=font)
    one, two = draw.textsize("Text", font), draw.multiline_textsize("Text\nText", font, 6)
    assert two[0] == one[0]
    assert two[1] > 2 * one[1] - 20
