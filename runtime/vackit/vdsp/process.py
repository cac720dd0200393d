# SPDX-License-Identifier: Apache-2.0
"""The process_ops of a build YAML, ready to run: an image file in, a tensor out.

The operators are those of the fusion operators; only the description differs.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vackit.config.build_types import (
    CustomFunc,
    DecodeImage,
    Normalize,
    ProcessOp,
    ToTensor,
)
from vackit.config.vdsp_types import NormaType
from vackit.data.images import decode_gray, decode_rgb
from vackit.errors import ConfigError, DataError, Finding
from vackit.vdsp.custom_func import CustomFunction
from vackit.vdsp.normalize import Normalizer
from vackit.vdsp.picture import Plane
from vackit.vdsp.process_steps import PixelOp, Pixels, Step, make_step

logger = logging.getLogger(__name__)

_KEY_PATH = "dataset.process_ops"


class ProcessPipeline:
    """A chain of process_ops. Thread-safe, as far as a CustomFunc is.

    ``Normalize`` calculates in float32; it may stand before or after ``ToTensor``.

    Args:
        ops: In order; first ``DecodeImage``, at the end ``ToTensor``; or one ``CustomFunc``.
        allow_code: Let a ``CustomFunc`` run its Python file.

    Raises:
        ConfigError: The chain cannot work; one finding an op that stands in the way.
        DataError: The Python file of a ``CustomFunc`` cannot be used.
    """

    def __init__(self, ops: Sequence[ProcessOp], *, allow_code: bool = False) -> None:
        self._ops = tuple(ops)
        self._custom: CustomFunction | None = None
        self._chain: _Chain | None = None
        customs = [index for index, op in enumerate(ops) if isinstance(op, CustomFunc)]
        if customs:
            self._custom = _custom_function(self._ops, customs[0], allow_code)
        else:
            self._chain = _Chain(self._ops)

    def __call__(self, path: Path) -> NDArray[np.float32]:
        """Return an image file as the model's input, (C, H, W), float32, contiguous.

        Raises:
            DataError: The image cannot be read or does not fit the chain; starts with ``path``.
        """
        if self._custom is not None:
            return self._custom(path)
        assert self._chain is not None
        return self._chain.run(path)

    def describe(self) -> tuple[dict[str, Any], ...]:
        """Return the ops with every default filled in, ready for JSON, free of paths.

        A CustomFunc is told by its file's name and the sha256 of its content.
        """
        return tuple(self._described(op) for op in self._ops)

    def _described(self, op: ProcessOp) -> dict[str, Any]:
        if isinstance(op, CustomFunc):
            assert self._custom is not None
            return {
                "type": "CustomFunc",
                "module": op.module_path.name,
                "sha256": self._custom.sha256,
                "func_name": op.func_name,
                "img_shape": None if op.img_shape is None else list(op.img_shape),
            }
        values = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(op).items()
        }
        return {"type": type(op).__name__, **values}


def _finding(index: int, op: ProcessOp, error: DataError) -> Finding:
    message = f"{type(op).__name__}: {error.message}"
    return Finding(message, key_path=f"{_KEY_PATH}[{index}]", hint=error.hint)


def _custom_function(ops: tuple[ProcessOp, ...], index: int, allow_code: bool) -> CustomFunction:
    op = ops[index]
    assert isinstance(op, CustomFunc)
    if len(ops) > 1:
        others = ", ".join(type(other).__name__ for other in ops if other is not op)
        error = DataError(f"does the whole preprocessing, but there are other ops: {others}")
        raise ConfigError([_finding(index, op, error)])
    if not allow_code:
        error = DataError(
            f"runs code of {op.module_path}, which is not allowed by default",
            hint="pass --allow_code if you trust that file",
        )
        raise ConfigError([_finding(index, op, error)])
    return CustomFunction(op)


class _Chain:
    """The ops of a chain as functions; checks them while it is built."""

    def __init__(self, ops: tuple[ProcessOp, ...]) -> None:
        if not ops:
            raise ConfigError([Finding("is empty, expected DecodeImage first", key_path=_KEY_PATH)])
        self._decode: Callable[[Path], Plane] = decode_rgb
        self._pixels: Pixels | None = None
        self._steps: list[tuple[int, PixelOp, Step]] = []
        self._normalizer: Normalizer | None = None
        self._has_tensor = False
        findings = []
        for index, op in enumerate(ops):
            try:
                self._add(index, op)
            except DataError as error:
                findings.append(_finding(index, op, error))
                if self._pixels is None:
                    # nothing is known of the image: every later complaint would be the same
                    break
        if not findings and not self._has_tensor:
            hint = "add '- type: ToTensor' at the end"
            findings.append(Finding("has no ToTensor", key_path=_KEY_PATH, hint=hint))
        if findings:
            raise ConfigError(findings)

    def _add(self, index: int, op: ProcessOp) -> None:
        if isinstance(op, DecodeImage):
            self._add_decode(index, op)
        elif self._pixels is None:
            raise DataError("comes first, expected DecodeImage before it")
        elif isinstance(op, Normalize):
            self._add_normalize(op, self._pixels)
        elif isinstance(op, ToTensor):
            if self._has_tensor:
                raise DataError("comes twice")
            self._has_tensor = True
        else:
            assert not isinstance(op, CustomFunc)
            self._check_still_pixels()
            self._steps.append((index, op, make_step(op, self._pixels)))

    def _add_decode(self, index: int, op: DecodeImage) -> None:
        if index:
            raise DataError("comes after other ops, expected it first and once")
        if op.cv2_flags not in (0, 1):
            raise DataError(f"cv2_flags is {op.cv2_flags}, expected 0 (gray) or 1 (color)")
        if op.backend != "cv2":
            logger.info("%s: images are decoded by OpenCV, not by %s", _KEY_PATH, op.backend)
        self._decode = decode_rgb if op.cv2_flags else decode_gray
        self._pixels = Pixels(channels=3 if op.cv2_flags else 1)

    def _check_still_pixels(self) -> None:
        done = "Normalize" if self._normalizer else "ToTensor" if self._has_tensor else ""
        if done:
            raise DataError(f"comes after {done}, expected before it: it works on pixels")

    def _add_normalize(self, op: Normalize, pixels: Pixels) -> None:
        if self._normalizer is not None:
            raise DataError("comes twice")
        self._normalizer = Normalizer(
            pixels.channels,
            _norma_type(op),
            (0.0,) if op.mean is None else op.mean,
            (1.0,) if op.std is None else op.std,
            half=False,
            dtype="float32",
        )

    def run(self, path: Path) -> NDArray[np.float32]:
        image = self._decode(path)
        for index, op, step in self._steps:
            try:
                image = step(image)
            except DataError as error:
                name = f"{_KEY_PATH}[{index}] {type(op).__name__}"
                raise DataError(f"{name}: {error.message}", where=path) from error
        planes = (image,) if image.ndim == 2 else cv2.split(image)
        normalizer = self._normalizer or _unchanged(len(planes))
        return np.asarray(normalizer([np.asarray(plane, np.uint8) for plane in planes]))


def _unchanged(channels: int) -> Normalizer:
    return Normalizer(channels, "EQUAL", half=False, dtype="float32")


def _norma_type(op: Normalize) -> NormaType:
    if op.mean is None and op.std is None:
        return "DIV255" if op.div255 else "EQUAL"
    return "DIV255_MINUSMEAN_DIVSTD" if op.div255 else "MINUSMEAN_DIVSTD"
