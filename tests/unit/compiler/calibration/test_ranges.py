# SPDX-License-Identifier: Apache-2.0
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from vackit.compiler.calibration.ranges import measure_ranges
from vackit.errors import CalibrationError
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]
Samples = list[tuple[str, dict[str, Any]]]


def _samples(count: int) -> Samples:
    rng = np.random.default_rng(0)
    return [
        (f"img{i}", {"input": rng.standard_normal((1, 3, 8, 8)).astype(np.float32) * (i + 1)})
        for i in range(count)
    ]


def test_measure_ranges_finds_the_extremes_of_every_value(run: Run) -> None:
    model, samples = tiny_models.two_outputs(batch=1), _samples(5)
    ranges = measure_ranges(model, ["input", "conv", "features", "output"], samples, "m")
    inputs = np.concatenate([feeds["input"] for _, feeds in samples])
    outputs = np.concatenate([run(model, **feeds)["features"] for _, feeds in samples])
    assert ranges["input"] == (inputs.min(), inputs.max())
    assert ranges["features"] == (outputs.min(), outputs.max())
    assert ranges["conv"][0] < 0 == ranges["features"][0]


def test_measure_ranges_does_not_depend_on_the_order() -> None:
    model, samples = tiny_models.residual(batch=1), _samples(6)
    names = ["input", "relu1", "conv2", "output"]
    assert measure_ranges(model, names, samples, "m") == measure_ranges(
        model, names, samples[::-1], "m"
    )


def test_measure_ranges_takes_an_iterator_without_keeping_it() -> None:
    model = tiny_models.conv(batch=1)
    assert measure_ranges(model, ["output"], iter(_samples(2)), "m") == measure_ranges(
        model, ["output"], _samples(2), "m"
    )


def test_measure_ranges_names_the_value_and_the_sample_that_hold_nan() -> None:
    build = tiny_models.Builder()
    build.add("Sqrt", ["input"], "root")
    build.add("Relu", ["root"], "output")
    model = build.model({"input": [1, 3, 8, 8]}, {"output": [1, 3, 8, 8]})
    with pytest.raises(CalibrationError, match="img0: value 'root' holds NaN or infinity"):
        measure_ranges(model, ["input", "root", "output"], _samples(1), "m")


def test_measure_ranges_refuses_an_empty_set() -> None:
    with pytest.raises(CalibrationError, match="the calibration set is empty"):
        measure_ranges(tiny_models.conv(), ["input"], [], "m")


def test_measure_ranges_of_nothing_is_nothing() -> None:
    assert measure_ranges(tiny_models.identity(), [], _samples(1), "m") == {}
