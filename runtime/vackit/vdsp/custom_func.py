# SPDX-License-Identifier: Apache-2.0
"""CustomFunc: a user's own preprocessing, run from its Python file. Reads and runs code."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.config.build_types import CustomFunc
from vackit.errors import DataError
from vackit.files import sha256_bytes


class CustomFunction:
    """A function ``func_name(image_file, input_shape) -> array`` of a Python file.

    The file is read once: what `sha256` names is what runs.

    Args:
        op: Where the function is; ``img_shape`` is passed on as a list where it is given.

    Raises:
        DataError: The file cannot be read or run, or has no such function.
    """

    def __init__(self, op: CustomFunc) -> None:
        self._op = op
        self._where = op.module_path
        source = _read(op.module_path)
        self.sha256 = sha256_bytes(source)
        self._function = _function(_load(op.module_path, source), op)

    def __call__(self, path: Path) -> NDArray[np.float32]:
        """Return what the function makes of an image file, (C, H, W), float32, finite.

        Raises:
            DataError: It raised, or returned something else.
        """
        arguments: list[Any] = [str(path)]
        if self._op.img_shape is not None:
            arguments.append(list(self._op.img_shape))
        try:
            result = self._function(*arguments)
        except Exception as error:
            raise DataError(
                f"{self._op.func_name} raised {type(error).__name__}: {error}", where=path
            ) from error
        try:
            return _checked(result, self._op)
        except DataError as error:
            raise DataError(f"{self._op.func_name} {error.message}", where=path) from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or "").lower()
        raise DataError(f"CustomFunc module cannot be read: {reason}", where=path) from error


def _load(path: Path, source: bytes) -> ModuleType:
    """Run a Python file as a module under a name of its own, leaving no cache file."""
    name = f"vackit_custom_{path.stem}_{sha256_bytes(source)[:12]}"
    spec = importlib.util.spec_from_loader(name, None, origin=str(path))
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    module.__file__ = str(path)
    # dataclasses with postponed annotations look their module up
    sys.modules[name] = module
    try:
        # the caller had the user's word for it: --allow_code, or the file itself as an option
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        raise DataError(
            f"CustomFunc module raised {type(error).__name__}: {error}", where=path
        ) from error
    return module


def _function(module: ModuleType, op: CustomFunc) -> Callable[..., Any]:
    function = getattr(module, op.func_name, None)
    if not callable(function):
        raise DataError(f"has no function {op.func_name!r}", where=op.module_path)
    found: Callable[..., Any] = function
    return found


def _checked(result: Any, op: CustomFunc) -> NDArray[np.float32]:
    if not isinstance(result, np.ndarray):
        raise DataError(f"returned {type(result).__name__}, expected a numpy array")
    if result.dtype.kind not in "fiu":
        raise DataError(f"returned dtype {result.dtype}, expected numbers")
    array = result[0] if result.ndim == 4 and result.shape[0] == 1 else result
    if array.ndim != 3 or array.size == 0:
        raise DataError(f"returned shape {result.shape}, expected (channels, height, width)")
    if op.img_shape is not None and array.shape != op.img_shape[-3:]:
        raise DataError(f"returned shape {result.shape}, expected {op.img_shape}")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(values).all():
        raise DataError("returned NaN or infinity")
    return values
