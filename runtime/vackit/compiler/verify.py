# SPDX-License-Identifier: Apache-2.0
"""Check that a changed float graph still computes what the model computed.

Every run takes one thread, so that the differences that a manifest tells are the same on
every build.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.dynamic import is_dynamic
from vackit.compiler.graph import shape_of
from vackit.compiler.running import Arrays, largest_difference, open_session, random_feeds, run
from vackit.errors import ModelError

# relative to the largest output: passes and batch sizes may sum in another order, no more
TOLERANCE = 1e-4
_NUM_RANDOM = 3
# samples that run together: enough to tell their rows apart, few enough for the memory
_BATCH = 3

# feeds of one sample, and what the model makes of them
Samples = Sequence[tuple[Arrays, Arrays]]


@dataclass(frozen=True)
class Comparison:
    """How far a candidate is from what was expected of it.

    Attributes:
        largest: The largest difference, relative to the largest value of the output; of the
            runs before the one that was wrong, if one was.
        reason: What is wrong; empty where nothing is.
    """

    largest: float
    reason: str


def run_alone(model: onnx.ModelProto, where: object, real: Iterable[Arrays] = ()) -> Samples:
    """Return samples and what the model, shaped for one sample, makes of each.

    Args:
        model: As it was read, shapes set.
        where: What to name in errors: the model's file.
        real: Preprocessed images to add to the random samples.

    Raises:
        ModelError: ONNX Runtime does not run the model.
    """
    session = open_session(model, where, threads=1)
    # each size of a range twice: once alone, once in a batch
    count = 2 * _NUM_RANDOM if is_dynamic(model.graph) else _NUM_RANDOM
    feeds = [random_feeds(model.graph, 1, seed) for seed in range(count)]
    return [(feed, run(session, feed, where)) for feed in (*feeds, *real)]


def difference(candidate: onnx.ModelProto, samples: Samples, where: object) -> str:
    """Say how a model's results differ from the expected; empty where they do not."""
    return compare(candidate, samples, where).reason


def compare(candidate: onnx.ModelProto, samples: Samples, where: object) -> Comparison:
    """Run a changed model on samples.

    A model of free batch runs the samples a few together and the first alone, a model of
    fixed batch runs each alone.
    """
    first = shape_of(candidate.graph.input[0]) if candidate.graph.input else None
    is_free = bool(first) and isinstance((first or (0,))[0], str)
    groups = [*_alike(samples), samples[:1]] if is_free else [[sample] for sample in samples]
    largest = 0.0
    try:
        session = open_session(candidate, where, threads=1)
        for group in groups:
            feeds = {n: np.concatenate([feed[n] for feed, _ in group]) for n in group[0][0]}
            found = _compared(run(session, feeds, where), [results for _, results in group])
            if found.reason:
                return Comparison(largest, found.reason)
            largest = max(largest, found.largest)
    except ModelError as error:
        return Comparison(largest, error.message)
    return Comparison(largest, "")


def _alike(samples: Samples) -> list[Samples]:
    """Return the samples by the shapes of their inputs, a few in each group."""
    groups: dict[tuple[tuple[int, ...], ...], list[tuple[Arrays, Arrays]]] = {}
    for sample in samples:
        groups.setdefault(tuple(feed.shape for feed in sample[0].values()), []).append(sample)
    return [
        group[start : start + _BATCH]
        for group in groups.values()
        for start in range(0, len(group), _BATCH)
    ]


def _compared(together: Arrays, alone: Sequence[Arrays]) -> Comparison:
    largest = 0.0
    for name, got in together.items():
        want = [results[name] for results in alone]
        if len(want) > 1 and (reason := _not_rows(want)):
            return Comparison(largest, f"output '{name}' has {reason} for one sample")
        expected = np.concatenate(want) if len(want) > 1 else want[0]
        apart = largest_difference([got], [expected])
        if apart > TOLERANCE:
            reason = f"output '{name}' differs by {apart:.1e} of its largest value"
            return Comparison(largest, reason)
        largest = max(largest, apart)
    return Comparison(largest, "")


def _not_rows(want: Sequence[NDArray[Any]]) -> str:
    """Say by their shapes why the results of single samples are no rows of a batch."""
    shape = want[0].shape
    other = next((one.shape for one in want if one.shape != shape), None)
    if other is not None:
        return f"shape {shape} or {other}"
    return "" if shape[:1] == (1,) else f"shape {shape}"
