# SPDX-License-Identifier: Apache-2.0
"""The embedded default: where its files lie, and its images as arrays."""

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

CLASS_NAMES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


@dataclass(frozen=True)
class DigitSet:
    """Handwritten digits.

    Attributes:
        images: uint8, shape (N, 8, 8): 0 is paper, 255 full ink.
        labels: uint8, shape (N,): the digit.
        index: uint16, shape (N,), ascending: the place in scikit-learn's ``load_digits``.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.uint8]
    index: NDArray[np.uint16]

    def __len__(self) -> int:
        return len(self.labels)


def data_path(name: str) -> Path:
    """Return the path of a file of the embedded default."""
    return Path(str(resources.files("vackit.selftest") / "data" / name))


def model_path() -> Path:
    """Return the ONNX model: ``input`` [N, 3, 32, 32] to ``output`` [N, 10] logits."""
    return data_path("shufflenetv2_digits.onnx")


def load_heldout() -> DigitSet:
    """Return the images that the training never saw."""
    return _load("digits_heldout.npz")


def load_calibration() -> DigitSet:
    """Return the calibration images, the same number of every class."""
    return _load("digits_calibration.npz")


def load_record() -> dict[str, Any]:
    """Return what was recorded when the model was trained: accuracy, seed, versions."""
    record: dict[str, Any] = json.loads(data_path("digits.json").read_text(encoding="utf-8"))
    return record


def _load(name: str) -> DigitSet:
    with np.load(data_path(name), allow_pickle=False) as data:
        return DigitSet(data["images"], data["labels"], data["index"])
