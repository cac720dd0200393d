# SPDX-License-Identifier: Apache-2.0
"""The shared models and images, and how outputs are scored against float32's."""

import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

from vackit.config.build import (
    CenterCrop,
    CvtColor,
    DecodeImage,
    Normalize,
    ProcessOp,
    Resize,
)

SHARED = Path(os.environ.get("VACKIT_SHARED", "../shared"))
GEOMETRY = (DecodeImage(), Resize((256, 256)), CenterCrop((224, 224)))
# the preprocessing that each model was trained with, and the labels of its classes
NORMALIZED: dict[str, tuple[tuple[ProcessOp, ...], str]] = {
    "mobilenetv1_025_keras": ((Normalize(False, (127.5,) * 3, (127.5,) * 3),), "val_label.txt"),
    "shufflenetv2_x05_coarse9": (
        (CvtColor("COLOR_RGB2BGR"), Normalize(True)),
        "val_coarse9_label.txt",
    ),
    "mobilenetv2_coral_tf2ptq": ((Normalize(False, (127.5,) * 3, (127.5,) * 3),), "val_label.txt"),
    "efficientnet_lite0": ((Normalize(False, (127.0,) * 3, (128.0,) * 3),), "val_label.txt"),
}


def run_all(
    sessions: dict[str, ort.InferenceSession], samples: Iterator[NDArray[np.float32]]
) -> dict[str, NDArray[Any]]:
    outputs: dict[str, list[NDArray[Any]]] = {who: [] for who in sessions}
    for sample in samples:
        for who, session in sessions.items():
            (got,) = session.run(None, {session.get_inputs()[0].name: sample[np.newaxis]})
            outputs[who].append(got)
    return {who: np.concatenate(parts).astype(np.float64) for who, parts in outputs.items()}


def compared(
    reference: NDArray[Any], got: NDArray[Any], wanted: NDArray[np.int64]
) -> dict[str, Any]:
    right, right_float = got.argmax(1) == wanted, reference.argmax(1) == wanted
    noise = float(((got - reference) ** 2).sum())
    return {
        "sqnr_db": round(10 * math.log10(float((reference**2).sum()) / noise), 2)
        if noise
        else None,
        "agreement_percent": round(100 * float((got.argmax(1) == reference.argmax(1)).mean()), 2),
        "top1_percent": round(100 * float(right.mean()), 2),
        "mcnemar_p": mcnemar(int((right & ~right_float).sum()), int((~right & right_float).sum())),
    }


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p of ``gained`` against ``lost`` images."""
    total = gained + lost
    tail = sum(math.comb(total, k) for k in range(min(gained, lost) + 1)) / 2**total
    return round(min(1.0, 2 * tail), 4)


def holm(ps: dict[str, float]) -> dict[str, float]:
    """Return Holm's step-down corrected p-values (Holm 1979)."""
    corrected, largest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(ps.items(), key=lambda item: item[1])):
        largest = max(largest, min(1.0, (len(ps) - rank) * p))
        corrected[name] = round(largest, 4)
    return corrected


def wilson(hits: int, total: int) -> list[float]:
    """Return the 95 % interval of a share, in percent (Wilson 1927)."""
    z = 1.959964
    middle = (hits + z * z / 2) / (total + z * z)
    half = z / (total + z * z) * math.sqrt(hits * (total - hits) / total + z * z / 4)
    return [round(100 * (middle - half), 2), round(100 * (middle + half), 2)]


def open_session(path: Path) -> ort.InferenceSession:
    options = ort.SessionOptions()
    options.log_severity_level = 4
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def read_labels(path: Path) -> dict[str, int]:
    pairs = (line.split() for line in path.read_text().splitlines() if line.strip())
    return {Path(name).stem: int(index) for name, index in pairs}
