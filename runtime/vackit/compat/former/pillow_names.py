# SPDX-License-Identifier: Apache-2.0
"""Names that programs use of Pillow and its newer versions have dropped (10.0.0)."""

import contextlib
from typing import Any


def restore_pillow_names() -> None:
    """Give Pillow the names back, where it is installed; twice is harmless."""
    with contextlib.suppress(ImportError):
        from PIL import Image, ImageDraw, ImageFont

        by = Image.Resampling
        _add(Image, ANTIALIAS=by.LANCZOS, LINEAR=by.BILINEAR, CUBIC=by.BICUBIC)
        _add(ImageDraw.ImageDraw, textsize=_textsize, multiline_textsize=_textsize)
        for font in (ImageFont.FreeTypeFont, ImageFont.ImageFont, ImageFont.TransposedFont):
            _add(font, getsize=_getsize)


def _add(owner: Any, **names: Any) -> None:
    for name, value in names.items():
        if not hasattr(owner, name):
            setattr(owner, name, value)


def _getsize(
    font: Any,
    text: str,
    direction: Any = None,
    features: Any = None,
    language: Any = None,
    stroke_width: float = 0,
) -> tuple[int, int]:
    """Return (width, height) of a text; the height reaches from the font's top, as it did."""
    left, _, right, bottom = font.getbbox(
        text, direction=direction, features=features, language=language,
        stroke_width=stroke_width,
    )  # fmt: skip
    return round(right - left), round(bottom)


def _textsize(
    draw: Any, text: str, font: Any = None, spacing: float = 4, *rest: Any, **options: Any
) -> tuple[int, int]:
    """Return (width, height) of a text of one or more lines."""
    names = ("direction", "features", "language", "stroke_width")
    given = {**dict(zip(names, rest, strict=False)), **options}
    left, _, right, bottom = draw.textbbox((0, 0), text, font, spacing=spacing, **given)
    return round(right - left), round(bottom)
