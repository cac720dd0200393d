# SPDX-License-Identifier: Apache-2.0
"""The smallest and largest element of values over a few samples, all in memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import onnx
from numpy.typing import NDArray

from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.statistics import Statistics, samples_per_image
from vackit.errors import CalibrationError

# per value: its smallest and its largest
Ranges = dict[str, tuple[float, float]]


def measure_ranges(
    model: onnx.ModelProto,
    names: Sequence[str],
    samples: Iterable[tuple[str, Mapping[str, NDArray[Any]]]],
    where: object,
) -> Ranges:
    """Return the smallest and largest element of each named value over all samples.

    Args:
        model: float32; left as it is.
        names: Values of its main graph, inputs included.
        samples: What to name in errors, and a batch of one as feeds.
        where: What to name when the model itself does not run.

    Raises:
        CalibrationError: There is no sample, or a value holds NaN or infinity.
    """
    listed = list(samples)
    if names and not listed:
        raise CalibrationError("the calibration set is empty", where=where)
    samples_each = samples_per_image(len(listed))
    state = State(Statistics(len(names), samples_each))
    collector = Collector(model, names, where, samples=samples_each)
    collector.collect(iter(listed), len(listed), state)
    return ranges_of(names, state.total)


def ranges_of(names: Sequence[str], stats: Statistics) -> Ranges:
    """Return the extremes by name."""
    return {
        name: (float(low), float(high))
        for name, low, high in zip(names, stats.low, stats.high, strict=True)
    }
