# SPDX-License-Identifier: Apache-2.0
"""Verify a build: its float passes on random samples and on images of the dataset."""

import dataclasses
import logging
from collections.abc import Sequence
from typing import Any

import onnx

from vackit.compiler.calibration.images import CalibrationSet, takes_npz
from vackit.compiler.emit import signature
from vackit.compiler.refinement.refine import SomeImages
from vackit.compiler.running import Arrays
from vackit.compiler.verify import TOLERANCE, Samples, compare, run_alone
from vackit.config.build import BuildConfig
from vackit.errors import ModelError, VackitError
from vackit.vdsp.process import ProcessPipeline

logger = logging.getLogger(__name__)

NUM_IMAGES = 3
_CHANCE = frozenset(
    {
        *("Bernoulli", "Dropout", "Multinomial"),
        *("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"),
    }
)


class Verifier:
    """Knows what a model computed before anything was changed.

    Args:
        model: As it was read, shaped for one sample.
        where: What to name in errors: the model's file.
        images: Preprocessed, batches of one, by input name.
        wanted: Whether to verify; without, only what a freed batch is tried on is computed.

    Attributes:
        alone: Samples and what the model makes of each.

    Raises:
        ModelError: ONNX Runtime does not run the model, or its results are left to chance.
    """

    def __init__(
        self, model: onnx.ModelProto, where: object, images: Sequence[Arrays], *, wanted: bool
    ) -> None:
        self._where, self._wanted = where, wanted
        self._num_images = len(images)
        self.alone = run_alone(model, where, images if wanted else ())
        # the last one: a session draws the same numbers in its first run each time
        if wanted and compare(model, self.alone[-1:], where).reason:
            raise _left_to_chance(model.graph, where)

    @property
    def samples(self) -> Samples:
        """Return what passes are held to; nothing where verifying is not wanted."""
        return self.alone if self._wanted else ()

    def record(self, model: onnx.ModelProto) -> dict[str, Any]:
        """Compare the changed model a last time; return what the manifest says of it.

        Raises:
            ModelError: It computes something else than at the start.
        """
        if not self._wanted:
            return {"verified": False}
        found = compare(model, self.alone, self._where)
        if found.reason:
            raise ModelError(
                f"the passes change what it computes: {found.reason}",
                where=self._where,
                hint="build it all the same with --no_verify",
            )
        return {
            "verified": True,
            "random_samples": len(self.alone) - self._num_images,
            "images": self._num_images,
            "tolerance": TOLERANCE,
            "largest_difference": found.largest,
        }


def images_to_verify(
    config: BuildConfig,
    model: onnx.ModelProto,
    pipeline: ProcessPipeline | None,
    calibration: CalibrationSet | None,
) -> list[Arrays]:
    """Return a few preprocessed images of the dataset, evenly spread over it.

    Where nothing but this needs the dataset, it may be missing, and where it cannot be read
    that is a warning.

    Args:
        config: Its ``dataset`` says where the images are.
        model: Shapes set.
        pipeline: The process_ops; None where they are not there or need code.
        calibration: The calibration set, where there is one.

    Raises:
        VackitError: An image of the calibration set cannot be read, or does not fit.
    """
    if calibration is not None:
        return list(SomeImages(calibration, NUM_IMAGES))
    dataset, where = config.dataset, config.source or config.name
    if dataset is None or dataset.path is None or not (pipeline or takes_npz(dataset)):
        return []
    if not dataset.path.is_dir():
        logger.info("%s: no images to verify on: no folder %s", where, dataset.path)
        return []
    every = dataclasses.replace(dataset, get_data_num=None)
    try:
        images = CalibrationSet(
            dataclasses.replace(config, dataset=every), signature(model)[0], pipeline
        )
        return list(SomeImages(images, NUM_IMAGES))
    except VackitError as error:
        logger.warning("%s: verified on random samples alone: %s", where, error)
        return []


def _left_to_chance(graph: onnx.GraphProto, where: object) -> ModelError:
    node = next((node for node in graph.node if node.op_type in _CHANCE), None)
    named = f" (node '{node.name}', {node.op_type})" if node else ""
    return ModelError(
        f"the same sample gives other results at every run{named}: there is nothing to verify "
        "against",
        where=where,
        hint="build it all the same with --no_verify",
    )
