# SPDX-License-Identifier: Apache-2.0
"""Quantize so that no more accuracy is lost than allowed, or say that it cannot be done."""

import contextlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.budget import Budget
from vackit.compiler.explain.graft import in_float
from vackit.compiler.explain.patches import Patch, skip
from vackit.compiler.explain.samples import Samples
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.skipping import affordable, fewest, joined, worst_first
from vackit.compiler.explain.trials import evaluate, quiet
from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import copy_model
from vackit.compiler.int8 import Quantized, quantize_model
from vackit.config.build import CALIBRATE_MODES, Quantize
from vackit.console import progress
from vackit.errors import CalibrationError

logger = logging.getLogger(__name__)

# what every block is measured by itself on
FEW_IMAGES = 8


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
        self._samples = Samples(budget.images)
        self._best: _Attempt | None = None
        self._num_tried = 0

    def fit(self) -> Fitted:
        for patch in self._patches():
            attempt = self._attempt(patch)
            if attempt.drop <= self._budget.points:
                return self._finished(attempt)
        raise self._failure()

    def _patches(self) -> Iterable[Patch]:
        """Yield what to try, the cheapest first; what follows depends on how it went."""
        yield Patch()
        yield from self._settings()
        yield from self._skips()

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
        few = Samples(self._budget.images).few(FEW_IMAGES)
        cut = best.fitted.quantized.record.get("cut_ranges", {})
        order = affordable(worst_first(self._twins(best.fitted), few, cut), self._model.graph)
        count = fewest(len(order), lambda n: self._suffices(best, joined(order[:n])))
        while 0 < count <= len(order):
            yield best.fitted.patch + joined(order[:count])
            count += max(1, count // 4)

    def _suffices(self, attempt: _Attempt, patch: Patch) -> bool:
        twins = self._twins(attempt.fitted)
        grafted = in_float(twins, attempt.fitted.excluded | patch.nodes)
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
        self._num_tried += 1
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
        samples = progress(self._samples, "measuring the accuracy", len(self._samples))
        [(scores, noise)] = evaluate([model], floating, samples, self._budget.labels, self._where)
        return scores, noise.sqnr_db

    def _twins(self, fitted: Fitted) -> Twins:
        return Twins(fitted.model, fitted.quantized.twin, self._where)

    def _finished(self, attempt: _Attempt) -> Fitted:
        fitted = attempt.fitted
        fitted.quantized.record["accuracy_drop"] = self._record(attempt)
        return fitted

    def _record(self, attempt: _Attempt) -> dict[str, Any]:
        before = skip(self._excluded, self._model.graph)
        patch = attempt.fitted.patch
        return {
            "budget_points": self._budget.points,
            "measure": "top1" if attempt.scores.labeled else "agreement with float32",
            **attempt.scores.to_json(),
            "images_sha256": self._budget.images.sha256(),
            "num_tried": self._num_tried,
            "patch": patch.settings(),
            "yaml": (before + patch if patch.nodes else patch).yaml(),
        }

    def _failure(self) -> CalibrationError:
        best = self._best
        assert best is not None
        what = "top-1" if best.scores.labeled else "agreement with float32"
        images = len(best.scores.labeled or best.scores.predictions)
        return CalibrationError(
            f"int8 loses {best.drop:.2f} points of {what} on {images} images at best "
            f"({_in_short(best.fitted.patch)}; {self._num_tried} builds tried), "
            f"{self._budget.points:g} are allowed; nothing is written",
            where=self._where,
            hint="allow more with --accuracy_drop, or build fp16",
        )


def _in_short(patch: Patch) -> str:
    return f"{len(patch.nodes)} nodes in float" if len(patch.nodes) > 3 else str(patch)
