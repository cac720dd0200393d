# SPDX-License-Identifier: Apache-2.0
"""Every error that a user can cause, and how it is worded.

::

    VackitError                     catch this to catch everything below
    ├── UsageError                  the command line itself is wrong (exit code 2)
    ├── ConfigError                 a YAML or JSON file is wrong; carries all its findings
    ├── ModelError                  an ONNX model cannot be read or compiled
    │   └── UnsupportedOpError      one of its operators stands in the way
    ├── CalibrationError            the calibration set or its ranges are unusable
    ├── ArtifactError               a compiled artifact is missing, damaged or too new
    ├── DeviceError
    │   ├── DeviceNotFoundError     no device has that name
    │   ├── DeviceUnavailableError  the device exists, its runtime or card does not
    │   └── DeviceExecutionError    the device failed while running
    ├── StreamError
    │   └── StreamClosedError       the stream takes no more samples
    ├── DataError                   an image, npz, datalist or label file is wrong
    └── EvaluationError             results and labels do not fit together

Typical use::

    try:
        artifact = open_artifact("deploy_weights/resnet50/mod")
    except VackitError as error:
        print(error)          # "where: fact", then one "hint:" line if there is one
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong (or worth saying) about a place in a file.

    ``line`` and ``column`` count from 1; 0 means that the place is not known.
    """

    message: str
    file: str = ""
    line: int = 0
    column: int = 0
    key_path: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}:{self.column}" if where else f"{self.line}:{self.column}"
        head = ": ".join(part for part in (where, self.key_path, self.message) if part)
        return f"{head}\n  hint: {self.hint}" if self.hint else head


class VackitError(Exception):
    """Base of all errors for users: ``where: fact`` plus at most one hint.

    Args:
        message: The fact, lower case, no full stop.
        where: What the user wrote: a file, a flag, a line (``list.txt:17``).
        hint: The smallest change that mends it.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: object = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.where = str(where)
        self.hint = hint

    def __str__(self) -> str:
        return str(Finding(self.message, file=self.where, hint=self.hint))


class UsageError(VackitError):
    """The command line is wrong."""

    exit_code = 2


class ConfigError(VackitError):
    """A configuration file is wrong; ``findings`` holds everything found, by line."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        ordered = sorted(findings, key=lambda f: (f.file, f.line, f.column))
        super().__init__("; ".join(finding.message for finding in ordered))
        self.findings: tuple[Finding, ...] = tuple(ordered)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


class ModelError(VackitError):
    """An ONNX model cannot be read or compiled."""


class UnsupportedOpError(ModelError):
    """An operator of the model cannot be compiled as asked."""


class CalibrationError(VackitError):
    """The calibration set or the ranges measured on it are unusable."""


class ArtifactError(VackitError):
    """A compiled artifact is missing, damaged or of an unknown format version."""


class DeviceError(VackitError):
    """Something about a device."""


class DeviceNotFoundError(DeviceError):
    """No device has the name that was asked for."""


class DeviceUnavailableError(DeviceError):
    """The device is known, but its runtime or its hardware is not there."""


class DeviceExecutionError(DeviceError):
    """The device failed while running a program."""


class StreamError(VackitError):
    """Something about a stream."""


class StreamClosedError(StreamError):
    """The stream has been closed and takes no more samples."""


class DataError(VackitError):
    """An image, npz, datalist or label file is missing or wrong."""


class EvaluationError(VackitError):
    """Results and labels do not fit together."""
