# SPDX-License-Identifier: Apache-2.0
"""What a build tells its caller."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vackit.tensors import TensorSpec


@dataclass(frozen=True)
class BuildReport:
    """The outcome of one build.

    Attributes:
        prefix: Common path of the artifact's files.
        name: The build config's name.
        dtype: ``"fp32"``, ``"fp16"`` or ``"int8"``.
        calibrate_mode: For int8.
        inputs: Of the artifact.
        outputs: Of the artifact.
        max_batch: None where the batch is free.
        files: What stands behind the prefix, the manifest last.
        calibration: For int8: mode, number and sha256 of the images, number of ranges.
        accuracy_drop: For a build with a budget: what is lost, and the patch that it took.
        passes: What each pass changed.
        verification: On what the passes were verified, and the largest difference.
        seconds: Wall time of the build.
        unchanged: The same artifact stood there already; nothing was written.
    """

    prefix: Path
    name: str
    dtype: str
    calibrate_mode: str | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    max_batch: int | None
    files: tuple[Path, ...]
    calibration: dict[str, Any] | None
    accuracy_drop: dict[str, Any] | None
    passes: tuple[dict[str, Any], ...]
    verification: dict[str, Any] | None
    seconds: float
    unchanged: bool

    def to_json(self) -> dict[str, Any]:
        """Return what ``vamc build --json`` prints."""
        return {
            "prefix": str(self.prefix),
            "name": self.name,
            "dtype": self.dtype,
            "calibrate_mode": self.calibrate_mode,
            "inputs": [spec.to_json() for spec in self.inputs],
            "outputs": [spec.to_json() for spec in self.outputs],
            "max_batch": self.max_batch,
            "files": [str(path) for path in self.files],
            "calibration": self.calibration,
            "accuracy_drop": self.accuracy_drop,
            "passes": list(self.passes),
            "verification": self.verification,
            "seconds": round(self.seconds, 3),
            "unchanged": self.unchanged,
        }
