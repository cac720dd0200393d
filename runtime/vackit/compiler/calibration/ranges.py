# SPDX-License-Identifier: Apache-2.0
"""Measure the range of values over a calibration set, one sample at a time.

Memory does not grow with the number of samples, and as each sample runs alone the result
depends neither on a batch size nor on the order of the samples.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import copy_model
from vackit.compiler.running import open_session, run
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
    session = open_session(_with_outputs(model, names), where)
    inputs = {value.name for value in model.graph.input}
    low = np.full(len(names), np.inf)
    high = np.full(len(names), -np.inf)
    for source, feeds in samples:
        values = {**run(session, feeds, where), **{n: feeds[n] for n in inputs if n in names}}
        lows = np.array([values[name].min() for name in names], np.float64)
        highs = np.array([values[name].max() for name in names], np.float64)
        if not (np.isfinite(lows).all() and np.isfinite(highs).all()):
            position = int(np.argmin(np.isfinite(lows) & np.isfinite(highs)))
            raise CalibrationError(
                f"value '{names[position]}' holds NaN or infinity for this sample", where=source
            )
        low, high = np.minimum(low, lows), np.maximum(high, highs)
    if names and not np.isfinite(low).all():
        raise CalibrationError("the calibration set is empty", where=where)
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}


def _with_outputs(model: onnx.ModelProto, names: Sequence[str]) -> onnx.ModelProto:
    tapped = copy_model(model)
    graph = tapped.graph
    have = {value.name for value in (*graph.output, *graph.input)}
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in names if name not in have)
    return tapped
