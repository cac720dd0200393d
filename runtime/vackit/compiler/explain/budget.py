# SPDX-License-Identifier: Apache-2.0
"""Quantize so that no more accuracy is lost than allowed, or say that it cannot be done."""

import contextlib
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.blocks import find_blocks
from vackit.compiler.explain.causes import MINOR
from vackit.compiler.explain.evidence import Evidence
from vackit.compiler.explain.graft import in_float
from vackit.compiler.explain.images import images_like
from vackit.compiler.explain.measure import measure
from vackit.compiler.explain.patches import Patch, is_heeded, readers_of, skip
from vackit.compiler.explain.samples import Sample, Samples
from vackit.compiler.explain.scores import Scores, num_classes
from vackit.compiler.explain.sensitivity import Sensitivity
from vackit.compiler.explain.trials import evaluate, quiet
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import Quantized, quantize_model
from vackit.compiler.placement import WEIGHTED
from vackit.config.build import CALIBRATE_MODES, BuildConfig, Quantize
from vackit.errors import CalibrationError
from vackit.tensors import TensorSpec
from vackit.vdsp.process import ProcessPipeline

logger = logging.getLogger(__name__)

# what every block is measured by itself on
FEW_IMAGES = 8
# of the nodes with weights
MOST_IN_FLOAT = 0.5


@dataclass(frozen=True)
class Budget:
    """How much may be lost, and on what it is measured.

    Attributes:
        points: Of top-1 where the images have labels, else of the agreement with float32.
        images: To measure on.
        labels: True class by the path of an image; empty where they are not known.
    """

    points: float
    images: CalibrationSet
    labels: Mapping[str, int]


@dataclass(frozen=True)
class AccuracyWish:
    """What a user says of a budget.

    Attributes:
        points: How much may be lost.
        images: Folder to measure on; None: the calibration images.
        label_of: Given the paths of images and the number of classes, if it is known, returns
            the true class of each image by its path, as far as that is known.
    """

    points: float
    images: Path | None
    label_of: Callable[[Sequence[str], int | None], Mapping[str, int]]

    def budget(
        self,
        config: BuildConfig,
        calibration: CalibrationSet,
        pipeline: ProcessPipeline | None,
        outputs: Sequence[TensorSpec],
    ) -> Budget:
        """Return the budget with its images read as the calibration set's are.

        On the calibration images themselves agreement is counted, whatever their labels.

        Raises:
            DataError: There are no images.
        """
        if self.images is None:
            return Budget(self.points, calibration, {})
        images = images_like(config, calibration.inputs, pipeline, self.images, None)
        paths = [str(path) for path in images.paths]
        return Budget(self.points, images, self.label_of(paths, num_classes(outputs)))


@dataclass(frozen=True)
class Fitted:
    """What came of it.

    Attributes:
        model: The integer graph.
        quantized: Its record, twin and table.
        patch: What it took; an empty one: nothing.
        excluded: All nodes left in float.
    """

    model: onnx.ModelProto
    quantized: Quantized
    patch: Patch
    excluded: frozenset[str]


def fit(
    model: onnx.ModelProto,
    quantize: Quantize,
    images: CalibrationSet,
    excluded: frozenset[str],
    budget: Budget,
    where: object,
    *,
    use_cache: bool = True,
) -> Fitted:
    """Quantize ``model``, with patches where it loses too much: the cheapest that suffice.

    What costs no speed comes first: scales per channel, then the other calibration modes. Then
    nodes are left in float, those that hurt the outputs most, as few as the budget allows.

    Args:
        model: float32; left as it is.
        quantize: The build config's ``backend.quantize``.
        images: The calibration set.
        excluded: Names of nodes that stay float in any case.
        budget: How much may be lost.
        where: What to name in errors: the model's file.
        use_cache: Go on from, and leave, calibration statistics in the cache folder.

    Raises:
        CalibrationError: The budget cannot be held, or the outputs name no class.
    """
    return _Fitter(model, quantize, images, excluded, budget, where, use_cache).fit()


@dataclass(frozen=True)
class _Attempt:
    fitted: Fitted
    scores: Scores
    sqnr_db: float

    @property
    def drop(self) -> float:
        drop = self.scores.drop
        assert drop is not None
        return drop


class _Fitter:
    def __init__(
        self,
        model: onnx.ModelProto,
        quantize: Quantize,
        images: CalibrationSet,
        excluded: frozenset[str],
        budget: Budget,
        where: object,
        use_cache: bool,
    ) -> None:
        self._model, self._quantize, self._images = model, quantize, images
        self._excluded, self._budget, self._use_cache = excluded, budget, use_cache
        self._where = str(where)
        self._samples: Iterable[Sample] = Samples(budget.images)
        self._best: _Attempt | None = None

    def fit(self) -> Fitted:
        attempt = self._attempt(Patch())
        if self._holds(attempt):
            return self._finished(attempt)
        for patch in self._settings():
            attempt = self._attempt(patch)
            if self._holds(attempt):
                return self._finished(attempt)
        for patch in self._skips():
            attempt = self._attempt(patch)
            if self._holds(attempt):
                return self._finished(attempt)
        raise self._failure()

    def _settings(self) -> list[Patch]:
        """Return the changes that cost no speed, each with scales per channel."""
        whole = Patch(per_channel=not self._quantize.quantize_per_channel)
        others = [m for m in CALIBRATE_MODES if m != self._quantize.calibrate_mode]
        found = [whole, *(whole + Patch(mode=mode) for mode in others)]
        return [patch for patch in found if patch]

    def _skips(self) -> Iterable[Patch]:
        """Yield the best so far with more and more nodes in float.

        The first guess is the fewest that suffice when grafted, without calibrating again.
        """
        best = self._best
        assert best is not None
        order = self._affordable(self._worst_first(best))
        count = self._fewest(best, order)
        while 0 < count <= len(order):
            yield best.fitted.patch + _sum(order[:count])
            count += max(1, count // 4)

    def _affordable(self, order: list[Patch]) -> list[Patch]:
        """Return the first of ``order``: with more than half in float it is no int8 build."""
        weighted = sum(node.op_type in WEIGHTED for node in self._model.graph.node)
        most = int(MOST_IN_FLOAT * weighted)
        counts = [len(_sum(order[: i + 1]).nodes) for i in range(len(order))]
        return order[: sum(count <= most for count in counts)]

    def _worst_first(self, attempt: _Attempt) -> list[Patch]:
        """Return for every block the nodes to leave in float for it, the worst block first."""
        twins = self._twins(attempt.fitted)
        blocks = find_blocks(twins)
        few = Samples(self._budget.images).few(FEW_IMAGES)
        statistics = measure(twins, blocks, few, {}).blocks
        sensitivity = Sensitivity(twins, [feeds for _, feeds in few])
        noises = [sensitivity.of(block).sqnr_db for block in blocks]
        found: dict[Patch, None] = {}
        for index in sorted(range(len(blocks)), key=noises.__getitem__):
            block = blocks[index]
            share = Evidence(block, statistics[index], {}, {}).weights_share
            names = [block.name] if share >= MINOR else []
            if share <= 1 - MINOR:
                names += readers_of(block, twins.floating.graph)
            patch = skip(names, twins.floating.graph)
            if patch and is_heeded(patch, twins.floating):
                found[patch] = None
        return list(found)

    def _fewest(self, attempt: _Attempt, order: list[Patch]) -> int:
        """Return how many of ``order`` suffice: doubled until they do, then halved between."""
        if not order:
            return 0
        too_few, enough = 0, 1
        while not self._suffices(attempt, order[:enough]):
            if enough >= len(order):
                return len(order)
            too_few, enough = enough, min(2 * enough, len(order))
        while enough - too_few > 1:
            middle = (too_few + enough) // 2
            if self._suffices(attempt, order[:middle]):
                enough = middle
            else:
                too_few = middle
        return enough

    def _suffices(self, attempt: _Attempt, patches: list[Patch]) -> bool:
        twins = self._twins(attempt.fitted)
        grafted = in_float(twins, attempt.fitted.excluded | _sum(patches).nodes)
        if grafted is None:
            return True  # it cannot be told without building: that is what comes next
        scores, _ = self._scored(grafted, twins.floating)
        return scores.drop is not None and scores.drop <= self._budget.points

    def _attempt(self, patch: Patch) -> _Attempt:
        model = copy_model(self._model)
        excluded = self._excluded | patch.nodes
        # what the build says of its images it says once
        with quiet() if patch else contextlib.nullcontext():
            quantized = quantize_model(
                model,
                patch.applied(self._quantize),
                self._images,
                excluded,
                self._where,
                use_cache=self._use_cache,
            )
        scores, sqnr_db = self._scored(model, quantized.twin)
        if scores.drop is None:
            raise CalibrationError(
                "the accuracy cannot be measured: its first output names no class",
                where=self._where,
                hint="build without --accuracy_drop, then see `vamc explain`",
            )
        attempt = _Attempt(Fitted(model, quantized, patch, excluded), scores, sqnr_db)
        logger.info("%s: %.2f points lost: %s", self._where, attempt.drop, _in_short(patch))
        if self._best is None or (attempt.drop, -sqnr_db) < (self._best.drop, -self._best.sqnr_db):
            self._best = attempt
        return attempt

    def _scored(self, model: onnx.ModelProto, floating: onnx.ModelProto) -> tuple[Scores, float]:
        labels = self._budget.labels
        [(scores, noise)] = evaluate([model], floating, self._samples, labels, self._where)
        return scores, noise.sqnr_db

    def _twins(self, fitted: Fitted) -> Twins:
        return Twins(fitted.model, fitted.quantized.twin, self._where)

    def _holds(self, attempt: _Attempt) -> bool:
        return attempt.drop <= self._budget.points

    def _finished(self, attempt: _Attempt) -> Fitted:
        fitted = attempt.fitted
        fitted.quantized.record["accuracy_drop"] = self._record(attempt)
        return fitted

    def _record(self, attempt: _Attempt) -> dict[str, Any]:
        before = skip(self._excluded, self._model.graph)
        patch = attempt.fitted.patch
        return {
            "budget_points": self._budget.points,
            "measure": "top1" if attempt.scores.num_labeled else "agreement with float32",
            **attempt.scores.to_json(),
            "images_sha256": self._budget.images.sha256(),
            "patch": patch.settings(),
            "yaml": (before + patch if patch.nodes else patch).yaml(),
        }

    def _failure(self) -> CalibrationError:
        best = self._best
        assert best is not None
        what = "top-1" if best.scores.num_labeled else "agreement with float32"
        return CalibrationError(
            f"int8 loses {best.drop:.2f} points of {what} at best "
            f"({_in_short(best.fitted.patch)}), {self._budget.points:g} are allowed; nothing "
            "is written",
            where=self._where,
            hint="allow more with --accuracy_drop, or build fp16",
        )


def _in_short(patch: Patch) -> str:
    return f"{len(patch.nodes)} nodes in float" if len(patch.nodes) > 3 else str(patch)


def _sum(patches: list[Patch]) -> Patch:
    total = Patch()
    for patch in patches:
        total += patch
    return total
