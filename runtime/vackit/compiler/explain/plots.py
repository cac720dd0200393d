# SPDX-License-Identifier: Apache-2.0
"""Plots as inline SVG: they scale, take their colors from the page, and need no script."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

# bars above this number are drawn as one
_MANY = 128
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 12, 10, 26


@dataclass(frozen=True)
class Series:
    """One line: a name, a CSS class, and a value or None per position."""

    name: str
    style: str
    values: Sequence[float | None]


@dataclass(frozen=True)
class _Frame:
    """The axes of a plot, and where numbers lie in it."""

    width: int
    height: int
    x: tuple[float, float]
    y: tuple[float, float]

    def at_x(self, value: float) -> float:
        low, high = self.x
        inner = self.width - _LEFT - _RIGHT
        return round(_LEFT + inner * (value - low) / ((high - low) or 1), 1)

    def at_y(self, value: float) -> float:
        low, high = self.y
        inner = self.height - _TOP - _BOTTOM
        return round(self.height - _BOTTOM - inner * (value - low) / ((high - low) or 1), 1)

    def axes(self, ticks: Sequence[tuple[float, str]], x_label: str, y_label: str) -> str:
        parts = []
        right = self.width - _RIGHT
        for value, text in ticks:
            y = self.at_y(value)
            parts.append(f'<line class="grid" x1="{_LEFT}" x2="{right}" y1="{y}" y2="{y}"/>')
            parts.append(f'<text class="tick" x="{_LEFT - 6}" y="{y + 3.5}">{escape(text)}</text>')
        bottom = self.height - 6
        parts.append(f'<text class="axis" x="{right}" y="{bottom}">{escape(x_label)}</text>')
        parts.append(f'<text class="unit" x="{_LEFT}" y="{bottom}">{escape(y_label)}</text>')
        return "".join(parts)

    def svg(self, body: str, title: str) -> str:
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(title)}"><title>{escape(title)}</title>{body}</svg>'
        )


def lines(series: Sequence[Series], names: Sequence[str], marks: dict[int, str], title: str) -> str:
    """Return lines over positions, with a vertical mark and its text at some of them.

    Args:
        series: What to draw; positions with None are left out.
        names: Of the positions, shown under the pointer.
        marks: Text by position.
        title: For readers who cannot see it.
    """
    values = [v for line in series for v in line.values if v is not None]
    low, high = min([0.0, *values]), max([10.0, *values])
    step = _step(low, high)
    low, high = math.floor(low / step) * step, math.ceil(high / step) * step
    frame = _Frame(980, 300, (0, max(len(names) - 1, 1)), (low, high))
    ticks = [(tick, f"{tick:g}") for tick in np.arange(low, high + step / 2, step).tolist()]
    parts = [frame.axes(ticks, "nodes, from input to output", "dB")]
    for position, text in marks.items():
        x = frame.at_x(position)
        parts.append(f'<line class="mark" x1="{x}" x2="{x}" y1="{_TOP}" y2="274"/>')
        parts.append(f'<text class="mark" x="{x + 3}" y="{_TOP + 9}">{escape(text)}</text>')
    for line in series:
        points = [(i, v) for i, v in enumerate(line.values) if v is not None]
        path = " ".join(f"{frame.at_x(i)},{frame.at_y(v)}" for i, v in points)
        parts.append(f'<polyline class="{line.style}" points="{path}"/>')
        parts += [
            f'<circle class="{line.style}" cx="{frame.at_x(i)}" cy="{frame.at_y(v)}" r="2.6">'
            f"<title>{escape(names[i])}: {escape(line.name)} {v:.1f} dB</title></circle>"
            for i, v in points
        ]
    return frame.svg("".join(parts), title)


def bars(
    heights: NDArray[np.floating], names: str, level: float | None, level_name: str, title: str
) -> str:
    """Return one bar per channel on a logarithmic scale, and a level that matters to them.

    Args:
        heights: At least 0.
        names: What a bar is, for under the pointer: ``channel``.
        level: Drawn across; bars below it are shown in the color of what is lost.
        level_name: What it is.
        title: For readers who cannot see it.
    """
    positive = [float(h) for h in heights if h > 0] + ([level] if level else [])
    if not positive:
        return ""
    low = math.floor(math.log10(max(min(positive), max(positive) * 1e-6)))
    high = max(math.ceil(math.log10(max(positive))), low + 1)
    frame = _Frame(480, 200, (0, len(heights)), (low, high))
    every = max(1, (high - low) // 5)
    ticks = [(tick, f"{10.0**tick:g}") for tick in range(low, high + 1, every)]
    parts = [frame.axes(ticks, f"{len(heights)} {names}s", "")]
    parts += _columns(frame, heights, level, low, names)
    if level:
        y = frame.at_y(min(max(math.log10(level), low), high))
        parts.append(f'<line class="level" x1="{_LEFT}" x2="468" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="level" x="466" y="{y - 4}">{escape(level_name)}</text>')
    return frame.svg("".join(parts), title)


def _columns(
    frame: _Frame, heights: NDArray[np.floating], level: float | None, low: float, names: str
) -> list[str]:
    tops = [frame.at_y(max(math.log10(h), low)) if h > 0 else frame.at_y(low) for h in heights]
    lost = [bool(level) and h < (level or 0) for h in heights]
    foot = frame.at_y(low)
    if len(heights) > _MANY:
        # one stroke for all of a color: thousands of rectangles make a page slow
        paths = {False: "", True: ""}
        for index, top in enumerate(tops):
            paths[lost[index]] += f"M{frame.at_x(index + 0.5)} {foot}V{top}"
        width = frame.at_x(1) - frame.at_x(0) + 0.1
        styles = {False: "bars", True: "bars lost"}
        return [
            f'<path class="{styles[is_lost]}" stroke-width="{width:.2f}" d="{path}"/>'
            for is_lost, path in paths.items()
            if path
        ]
    width = max(frame.at_x(1) - frame.at_x(0) - 0.4, 0.4)
    return [
        f'<rect class="bar{" lost" if lost[i] else ""}" x="{frame.at_x(i)}" y="{tops[i]}" '
        f'width="{width:.2f}" height="{max(foot - tops[i], 0.5):.1f}">'
        f"<title>{names} {i}: {heights[i]:.4g}</title></rect>"
        for i in range(len(heights))
    ]


def histogram(counts: NDArray[np.int64], low: float, high: float, title: str) -> str:
    """Return how often each integer occurs, on a logarithmic scale.

    Args:
        counts: Per integer, from the lowest.
        low: What the lowest represents.
        high: What the highest represents.
        title: For readers who cannot see it.
    """
    largest = int(counts.max())
    if largest == 0:
        return ""
    top = max(math.ceil(math.log10(largest)), 1)
    frame = _Frame(480, 200, (0, len(counts)), (0, top))
    ticks = [(tick, f"1e{tick}") for tick in range(0, top + 1, max(1, top // 4))]
    parts = [frame.axes(ticks, f"{high:.4g}", f"{low:.4g}")]
    foot = frame.at_y(0)
    path = "".join(
        f"M{frame.at_x(code + 0.5)} {foot}V{frame.at_y(max(math.log10(int(count)), 0.05))}"
        for code, count in enumerate(counts)
        if count
    )
    width = frame.at_x(1) - frame.at_x(0) + 0.1
    parts.append(f'<path class="bars" stroke-width="{width:.2f}" d="{path}"/>')
    return frame.svg("".join(parts), title)


def _step(low: float, high: float) -> float:
    rough = (high - low) / 6
    return next((step for step in (1, 2, 5, 10, 20, 50, 100) if step >= rough), 200)
