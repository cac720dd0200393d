# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import numpy as np
import pytest

from vackit.compiler.calibration.advice import (
    constant_values,
    growth,
    missing_classes,
    too_few_images,
)
from vackit.compiler.calibration.collect import State
from vackit.compiler.calibration.statistics import Statistics
from vackit.tensors import TensorSpec

ROOT = Path("images")


def _state(early: float, final: float, num_images: int) -> State:
    stats = Statistics(2)
    stats.num_images = num_images
    for value, factor in ((0, 1.0), (1, 0.0)):  # the second value is constant
        assert stats.observe(value, np.array([0.0, early * factor], np.float32))
    state = State(stats)
    assert stats.observe(0, np.array([final], np.float32))
    return state


def _output(*shape: int | None) -> tuple[TensorSpec, ...]:
    return (TensorSpec("output", shape, "float32", ""),)


def test_growth_is_what_the_last_quarter_added() -> None:
    assert growth(_state(3.0, 4.0, 100)) == 0.25
    assert growth(_state(4.0, 4.0, 100)) == 0.0
    assert growth(State(Statistics(0))) == 0.0


def test_growth_is_whole_when_one_image_is_all() -> None:
    stats = Statistics(1)
    state = State(stats)
    assert stats.observe(0, np.ones(3, np.float32))
    assert growth(state) == 1.0


def test_too_few_images_is_silent_when_the_ranges_stand() -> None:
    assert too_few_images(_state(3.95, 4.0, 20)) is None


def test_too_few_images_says_how_much_the_ranges_grew_and_what_is_advisable() -> None:
    assert too_few_images(_state(3.0, 4.0, 100)) == (
        "100 calibration images may be too few: the last quarter of them still widened the "
        "ranges by 25.0 % on average; 200 or more, spread over the classes, are advisable "
        "(dataset.sampler.get_data_num)"
    )


def test_too_few_images_speaks_of_no_quarter_where_there_is_none() -> None:
    message = too_few_images(_state(3.0, 4.0, 3))
    assert message is not None
    assert message.startswith("3 calibration images may be too few; 100 or more, spread")


def test_too_few_images_warns_of_a_handful_whatever_they_did() -> None:
    message = too_few_images(_state(4.0, 4.0, 1))
    assert message is not None
    assert message.startswith("1 calibration image may be too few; 100 or more, spread")


@pytest.mark.parametrize(
    ("names", "shape", "want"),
    [
        (["a/1.png", "b/1.png"], (None, 10), "show 2 of the 10 classes that the model tells"),
        (["a/1.png", "a/x/2.png", "b/1.png"], (1, 3), "show 2 of the 3 classes"),
        (["a/1.png", "b/1.png"], (None, 2), None),
        (["a/1.png", "b/1.png"], (None, 1), None),
        (["a/1.png", "a/2.png"], (None, 10), None),
        (["1.png", "b/1.png"], (None, 10), None),
        (["a/1.png", "b/1.png"], (None, 10, 7, 7), None),
        (["a/1.png", "b/1.png"], (None, None), None),
    ],
    ids=["few", "nested", "all", "fewer-outputs", "one-folder", "flat", "no-classes", "open"],
)
def test_missing_classes_counts_folders_against_outputs(
    names: list[str], shape: tuple[int | None, ...], want: str | None
) -> None:
    got = missing_classes(ROOT, [ROOT / name for name in names], _output(*shape))
    assert (want is None and got is None) or (want is not None and want in str(got))


def test_missing_classes_needs_one_output() -> None:
    paths = [ROOT / "a" / "1.png", ROOT / "b" / "1.png"]
    assert missing_classes(ROOT, paths, _output(None, 10) * 2) is None


def test_constant_values_are_named() -> None:
    assert constant_values(["moving", "still"], _state(1.0, 2.0, 30)) == ["still"]
