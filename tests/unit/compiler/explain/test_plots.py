# SPDX-License-Identifier: Apache-2.0
import math
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from vackit.compiler.explain.plots import Series, bars, histogram, lines


def _inside(svg: str) -> ET.Element:
    """Return the parsed plot; every coordinate in it is a number inside its frame."""
    root = ET.fromstring(svg)
    width, height = map(float, root.attrib["viewBox"].split()[2:])
    for element in root.iter():
        for name, limit in (("x", width), ("cx", width), ("y", height), ("cy", height)):
            value = float(element.attrib.get(name, 0))
            assert math.isfinite(value)
            assert -1 <= value <= limit + 1
    return root


def test_lines_leave_out_what_is_exact_and_mark_the_worst() -> None:
    series = [Series("alone", "single", [40.0, None, -3.0]), Series("all", "entire", [1, 2, 3])]
    root = _inside(lines(series, ["a<", "b", "c"], {2: "1"}, "errors & more"))
    assert len(root.findall("circle")) == 5
    assert [e.attrib["class"] for e in root.findall("polyline")] == ["single", "entire"]
    titles = [e.text for e in root.iter("title")]
    assert "a<: alone 40.0 dB" in titles
    assert titles[0] == "errors & more"


def test_lines_of_one_node_have_a_width() -> None:
    _inside(lines([Series("alone", "single", [120.0])], ["a"], {}, "x"))


@pytest.mark.parametrize("count", [3, 500], ids=["few", "many"])
def test_bars_color_what_is_lost(count: int) -> None:
    heights = np.array([10.0, 0.001, 0.0] + [5.0] * (count - 3))
    root = _inside(bars(heights, "channel", 0.1, "8 steps", "weights"))
    drawn = [e for e in root.iter() if e.tag in ("rect", "path")]
    lost = [e for e in drawn if "lost" in e.attrib["class"]]
    if count == 3:
        assert (len(drawn), len(lost)) == (3, 2)
    else:
        assert [e.attrib["d"].count("M") for e in drawn] == [count - 2, 2]


def test_bars_of_zeros_draw_nothing() -> None:
    assert bars(np.zeros(4), "channel", None, "", "x") == ""


def test_histogram_draws_every_integer_that_occurs() -> None:
    counts = np.zeros(256, np.int64)
    counts[[0, 7, 255]] = (1, 100000, 3)
    root = _inside(histogram(counts, -1.0, 1.0, "values"))
    [path] = root.findall("path")
    assert path.attrib["d"].count("M") == 3
    assert histogram(np.zeros(256, np.int64), 0, 1, "x") == ""
