# SPDX-License-Identifier: Apache-2.0
"""Scikit-learn's digits, split once and for all, and how they reach the network."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from vackit.selftest.digits import CLASS_NAMES, DigitSet
from vackit.selftest.training.settings import Settings


@dataclass(frozen=True)
class Split:
    """The three parts; ``calibration`` is a part of ``train``, ``heldout`` of neither."""

    train: DigitSet
    calibration: DigitSet
    heldout: DigitSet


def split_digits(settings: Settings) -> Split:
    """Split the 1797 digits by the settings' seed, every class alike.

    Of each class the first ``num_heldout / num_classes`` of a seeded permutation are held
    out; of the rest, which is trained on, the first ``num_calibration / num_classes`` also
    serve as calibration images.

    Source:
        Alpaydin and Kaynak 1998, Optical Recognition of Handwritten Digits, UCI Machine
        Learning Repository, CC BY 4.0 (the test part, which scikit-learn bundles).
    """
    bundled = load_digits()
    # 0..16 counts of set bits in a 4x4 block, stretched to 0..255
    images = np.rint(bundled.images * (255 / 16)).astype(np.uint8)
    labels = bundled.target.astype(np.int64)
    order = np.random.default_rng(settings.seed).permutation(len(labels))
    heldout, train, calibration = [], [], []
    for digit in range(len(CLASS_NAMES)):
        own = order[labels[order] == digit]
        cut = settings.num_heldout // len(CLASS_NAMES)
        heldout.append(own[:cut])
        train.append(own[cut:])
        calibration.append(own[cut:][: settings.num_calibration // len(CLASS_NAMES)])
    return Split(*(_part(images, labels, part) for part in (train, calibration, heldout)))


def _part(
    images: NDArray[np.uint8], labels: NDArray[np.int64], parts: list[NDArray[np.int64]]
) -> DigitSet:
    index = np.sort(np.concatenate(parts))
    return DigitSet(images[index], labels[index].astype(np.uint8), index.astype(np.uint16))


def upsample(images: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Resize (N, 8, 8) to (N, size, size) as the deployed ``BILINEAR_CV`` does."""
    shape = (size, size)
    return np.stack([cv2.resize(image, shape, interpolation=cv2.INTER_LINEAR) for image in images])


def to_input(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (N, 3, H, W) float32 in [-1, 1]: gray on all channels, (x / 255 - 0.5) / 0.5."""
    scaled = (gray.astype(np.float32) / 255 - 0.5) / 0.5
    return np.repeat(scaled[:, None], 3, axis=1)
