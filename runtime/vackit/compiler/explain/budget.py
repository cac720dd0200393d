# SPDX-License-Identifier: Apache-2.0
"""How much accuracy int8 may lose, and on what that is measured."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.explain.images import images_like
from vackit.compiler.explain.scores import num_classes
from vackit.config.build import BuildConfig
from vackit.tensors import TensorSpec
from vackit.vdsp.process import ProcessPipeline


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
