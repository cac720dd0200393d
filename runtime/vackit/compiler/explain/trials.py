# SPDX-License-Identifier: Apache-2.0
"""Make the integer graph that a patch would give, and measure it."""

import contextlib
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.graft import in_float
from vackit.compiler.explain.intervals import Interval
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.patches import Patch, skip
from vackit.compiler.explain.samples import Sample
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.sensitivity import together
from vackit.compiler.explain.sessions import Runner
from vackit.compiler.explain.timing import Latency
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import quantize_model
from vackit.config.build import Quantize


@dataclass(frozen=True)
class Trial:
    """A patch and what came of it.

    Attributes:
        patch: The patch; an empty one is the artifact as it is.
        scores: On the images.
        outputs: Noise at the outputs, each counted relative to its signal.
        yaml: What to merge into the build YAML.
        is_rebuilt: It was built anew, calibrated with the images that it is measured on; not
            so where it is the artifact with some nodes in float.
        base: Where it was built anew: noise at the outputs of the same without the patch.
        latency: On the emulator, batch 1, one thread; None where not measured.
    """

    patch: Patch
    scores: Scores
    outputs: Noise
    yaml: str = ""
    is_rebuilt: bool = False
    base: Noise | None = None
    latency: Latency | None = None

    def slowdown(self, before: "Trial") -> Interval | None:
        """Return by how many percent it is slower; None where that is not measured."""
        if self.latency is None or before.latency is None:
            return None
        return self.latency.change_from(before.latency)

    def to_json(self, before: "Trial") -> dict[str, Any]:
        """Return the patch with its measured effect, and its difference from ``before``."""
        gain, slowdown = self.scores.gain_over(before.scores), self.slowdown(before)
        return {
            "patch": self.patch.settings(),
            "yaml": self.yaml,
            "is_rebuilt": self.is_rebuilt,
            **self.scores.to_json(),
            "outputs": self.outputs.to_json(),
            "outputs_rebuilt_without": None if self.base is None else self.base.to_json(),
            "gain_points": None if gain is None else round(gain.value, 4),
            "gain_interval_95": None if gain is None else gain.to_json(),
            "latency_ms": None if self.latency is None else round(self.latency.median_ms, 4),
            "latency_is_emulated": True,
            "slowdown_percent": None if slowdown is None else round(slowdown.value, 2),
            "slowdown_interval_95": None if slowdown is None else slowdown.to_json(),
        }


@dataclass(frozen=True)
class Maker:
    """Makes integer graphs of a float one, as the build would.

    Attributes:
        twins: The graphs of the artifact.
        quantize: As the build YAML says it.
        excluded: Nodes that are in float already.
        images: What to calibrate with where that is needed.
        use_cache: Go on from, and leave, calibration statistics in the cache folder.

    What had to be built anew is kept: it is wanted again to measure how long it takes.
    """

    twins: Twins
    quantize: Quantize
    excluded: frozenset[str]
    images: CalibrationSet
    use_cache: bool = True
    _rebuilt: dict[Patch, onnx.ModelProto] = field(default_factory=dict, init=False)

    def make(self, patch: Patch) -> tuple[onnx.ModelProto, bool]:
        """Return the integer graph with ``patch``, and whether it had to be built anew."""
        if not patch:
            return self.twins.integer, False
        if patch in self._rebuilt:
            return self._rebuilt[patch], True
        excluded = self.excluded | patch.nodes
        if patch == Patch(convs=patch.convs, others=patch.others):
            grafted = in_float(self.twins, excluded)
            if grafted is not None:
                return grafted, False
        model = copy_model(self.twins.floating)
        quantize = patch.applied(self.quantize)
        where = self.twins.where
        with quiet():
            quantize_model(model, quantize, self.images, excluded, where, use_cache=self.use_cache)
        self._rebuilt[patch] = model
        return model, True

    def yaml(self, patch: Patch) -> str:
        """Return a patch as YAML, its lists with the nodes that are in float already."""
        before = skip(self.excluded, self.twins.floating.graph)
        return (before + patch if patch.nodes else patch).yaml()


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep back the warnings of builds that only try something."""
    logger = logging.getLogger("vackit.compiler")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def evaluate(
    models: Sequence[onnx.ModelProto],
    floating: onnx.ModelProto,
    samples: Iterable[Sample],
    labels: Mapping[str, int],
    where: str,
) -> list[tuple[Scores, Noise]]:
    """Run models side by side with the float one; nothing is kept per image.

    Args:
        models: Integer graphs, all open at once.
        floating: What they are compared with.
        samples: Per image its path and a batch of one as feeds.
        labels: True class by path; empty where they are not known.
        where: What to name in errors.

    Returns:
        Per model its scores and the noise at its outputs.
    """
    exact = Runner(floating, where)
    runners = [Runner(model, where) for model in models]
    names = [value.name for value in floating.graph.output]
    scores = [Scores() for _ in models]
    sums = [{name: Noise() for name in names} for _ in models]
    for path, feeds in samples:
        wanted = exact(feeds)
        for runner, score, noises in zip(runners, scores, sums, strict=True):
            got = runner(feeds)
            score.add(path, wanted[names[0]], got[names[0]], labels.get(path))
            for name, noise in noises.items():
                noise.add(wanted[name], got[name])
    return [(score, together(list(n.values()))) for score, n in zip(scores, sums, strict=True)]


def run_trial(
    maker: Maker, patch: Patch, samples: Iterable[Sample], labels: Mapping[str, int]
) -> Trial:
    """Make the graph of a patch and measure it."""
    model, is_rebuilt = maker.make(patch)
    twins = maker.twins
    [(scores, noise)] = evaluate([model], twins.floating, samples, labels, twins.where)
    return Trial(patch, scores, noise, maker.yaml(patch), is_rebuilt)
