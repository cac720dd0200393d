# SPDX-License-Identifier: Apache-2.0
"""Check that a changed float graph still computes what the model computed."""

from collections.abc import Iterable, Sequence

import numpy as np
import onnx

from vackit.compiler.dynamic import is_dynamic
from vackit.compiler.graph import shape_of
from vackit.compiler.running import Arrays, largest_difference, open_session, random_feeds, run
from vackit.errors import ModelError

# relative to the largest output: passes and batch sizes may sum in another order, no more
TOLERANCE = 1e-4
_NUM_RANDOM = 3

# feeds of one sample, and what the model makes of them
Samples = Sequence[tuple[Arrays, Arrays]]


def run_alone(model: onnx.ModelProto, where: object, real: Iterable[Arrays] = ()) -> Samples:
    """Return samples and what the model, shaped for one sample, makes of each.

    Args:
        model: As it was read, shapes set.
        where: What to name in errors: the model's file.
        real: Preprocessed images to add to the random samples.

    Raises:
        ModelError: ONNX Runtime does not run the model.
    """
    session = open_session(model, where)
    # each size of a range twice: once alone, once in a batch
    count = 2 * _NUM_RANDOM if is_dynamic(model.graph) else _NUM_RANDOM
    feeds = [random_feeds(model.graph, 1, seed) for seed in range(count)]
    return [(feed, run(session, feed, where)) for feed in (*feeds, *real)]


def difference(candidate: onnx.ModelProto, samples: Samples, where: object) -> str:
    """Say how a model's results differ from the expected; empty where they do not.

    A model of free batch runs the samples together and the first alone, a model of fixed
    batch runs each alone.
    """
    first = shape_of(candidate.graph.input[0]) if candidate.graph.input else None
    is_free = bool(first) and isinstance((first or (0,))[0], str)
    groups = [*_alike(samples), samples[:1]] if is_free else [[sample] for sample in samples]
    try:
        session = open_session(candidate, where)
        for group in groups:
            feeds = {n: np.concatenate([feed[n] for feed, _ in group]) for n in group[0][0]}
            reason = _unlike(run(session, feeds, where), [results for _, results in group])
            if reason:
                return reason
    except ModelError as error:
        return error.message
    return ""


def _alike(samples: Samples) -> list[Samples]:
    """Return the samples by the shapes of their inputs."""
    groups: dict[tuple[tuple[int, ...], ...], list[tuple[Arrays, Arrays]]] = {}
    for sample in samples:
        groups.setdefault(tuple(feed.shape for feed in sample[0].values()), []).append(sample)
    return list(groups.values())


def _unlike(together: Arrays, alone: Sequence[Arrays]) -> str:
    for name, got in together.items():
        want = [results[name] for results in alone]
        if len(want) > 1 and (want[0].ndim == 0 or want[0].shape[0] != 1):
            return f"output '{name}' has shape {want[0].shape} for one sample"
        expected = np.concatenate(want) if len(want) > 1 else want[0]
        apart = largest_difference([got], [expected])
        if apart > TOLERANCE:
            return f"output '{name}' differs by {apart:.1e} of its largest value"
    return ""
