# SPDX-License-Identifier: Apache-2.0
"""What a program finds around it beside the published modules: quiet libraries, older names.

The modules that programs import (`vackit.compat.shims`) prepare all of it when they are
imported, so a program has it whether `runstream` runs it, another program that it started,
or ``python`` with their folder on ``PYTHONPATH``.
"""

import base64
import collections.abc
import fractions
import logging
import math
import os
import sys
import threading
import warnings
from collections.abc import Callable
from typing import Any

from vackit.compat.array_methods import restore_array_methods
from vackit.compat.losses import watch_threads
from vackit.compat.old_distutils import restore_distutils
from vackit.compat.opencv_results import restore_opencv_results
from vackit.compat.pillow_names import restore_pillow_names

# what OpenCV and the FFmpeg in it would print of their own
_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
# what newer versions of Python and of libraries say of programs older than they are
_AGE_WARNINGS = (SyntaxWarning, DeprecationWarning)
# Python 3.8, for which programs were written, had them (all: until 3.9)
_DROPPED_BY_PYTHON: tuple[tuple[Any, str, Any], ...] = (
    (threading.Thread, "isAlive", threading.Thread.is_alive),
    (base64, "encodestring", base64.encodebytes),
    (base64, "decodestring", base64.decodebytes),
    (fractions, "gcd", math.gcd),
)


def prepare() -> None:
    """Make a process ready for a program; twice is harmless.

    Where the log of the library has a handler already, somebody has chosen what is said:
    then nothing is silenced.
    """
    logger = logging.getLogger("vackit")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        quiet_libraries()
        _quiet_opencv()
    restore_names()
    restore_opencv_results()
    print_numbers_bare()
    watch_threads()


def quiet_libraries() -> None:
    """Keep libraries from printing, here and in processes started from here.

    What the environment or ``python -W`` say already stays.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        for kind in _AGE_WARNINGS:
            warnings.simplefilter("ignore", kind)
        spoken = ",".join(f"ignore::{kind.__name__}" for kind in _AGE_WARNINGS)
        os.environ["PYTHONWARNINGS"] = os.environ.get("PYTHONWARNINGS") or spoken


def _quiet_opencv() -> None:
    """Silence an OpenCV that was imported before its variable was set."""
    opencv = sys.modules.get("cv2")
    if opencv is not None and os.environ["OPENCV_LOG_LEVEL"] == _QUIET["OPENCV_LOG_LEVEL"]:
        opencv.utils.logging.setLogLevel(opencv.utils.logging.LOG_LEVEL_SILENT)


def restore_names() -> None:
    """Give Python, numpy and Pillow the names back that their newer versions have dropped.

    `runstream` does so before a program's first line: what that imports before the published
    modules may use them already.
    """
    for name in collections.abc.__all__:
        if not hasattr(collections, name):
            setattr(collections, name, getattr(collections.abc, name))
    for owner, name, value in _DROPPED_BY_PYTHON:
        if not hasattr(owner, name):
            setattr(owner, name, value)
    restore_distutils()
    restore_numpy_names()
    restore_pillow_names()


def restore_numpy_names() -> None:
    """Give numpy the names back that programs use and newer versions have dropped."""
    import numpy

    for name, value in _dropped_names(numpy).items():
        # hasattr() would ask numpy's __getattr__, which warns of some
        if name not in vars(numpy):
            setattr(numpy, name, value)
    _restore_fromstring(numpy)
    restore_array_methods(numpy)


def _restore_fromstring(np: Any) -> None:
    """Let ``fromstring`` read bytes again, a copy of them, as programs decode their pictures."""
    parse = np.fromstring
    if getattr(parse, "reads_bytes", False):
        return

    def fromstring(string: Any, dtype: Any = float, count: int = -1, **options: Any) -> Any:
        if options.get("sep"):
            return parse(string, dtype, count, **options)
        data = string.encode("latin-1") if isinstance(string, str) else string
        return np.frombuffer(data, dtype, count).copy()

    fromstring.reads_bytes = True  # type: ignore[attr-defined]
    np.fromstring = fromstring


def print_numbers_bare() -> None:
    """Let lists of numpy's numbers print as before numpy 2: ``[0.5]``, not ``[np.float32(0.5)]``.

    Whoever reads what programs print (published test suites do) expects them so.
    """
    import numpy

    if numpy.lib.NumpyVersion(numpy.__version__) >= "2.0.0":
        numpy.set_printoptions(legacy="1.25")


def _scalar_types(np: Any) -> dict[str, list[Any]]:
    return {
        "int": [np.int8, np.int16, np.int32, np.int64],
        "uint": [np.uint8, np.uint16, np.uint32, np.uint64],
        "float": [np.float16, np.float32, np.float64, np.longdouble],
        "complex": [np.complex64, np.complex128, np.clongdouble],
        "others": [bool, object, bytes, str, np.void],
    }


def _dropped_names(np: Any) -> dict[str, Any]:
    same: dict[str, Any] = {
        "bool": bool, "int": int, "float": float, "complex": complex, "object": object,
        "str": str, "long": int, "unicode": str,
        "bool8": np.bool_, "float_": np.float64, "complex_": np.complex128,
        "string_": np.bytes_, "unicode_": np.str_,
        "Inf": np.inf, "Infinity": np.inf, "infty": np.inf, "PINF": np.inf, "NINF": -np.inf,
        "NaN": np.nan, "NAN": np.nan,
        "product": np.prod, "cumproduct": np.cumprod, "sometrue": np.any, "alltrue": np.all,
        "round_": np.round, "mat": np.asmatrix,
        "int0": np.intp, "uint0": np.uintp, "str0": np.str_, "bytes0": np.bytes_,
        "object0": np.object_, "void0": np.void, "singlecomplex": np.complex64,
        "cfloat": np.complex128, "longfloat": np.longdouble,
        "math": math, "sctypes": _scalar_types(np),
    }  # fmt: skip
    made: dict[str, Callable[..., Any]] = {
        "in1d": lambda a, b, **options: np.isin(np.ravel(a), b, **options),
        "asfarray": lambda a, dtype=np.float64: np.asarray(a, dtype),
        "trapz": lambda y, *rest, **options: np.trapezoid(y, *rest, **options),
        "row_stack": lambda arrays: np.vstack(arrays),
        "msort": lambda a: np.sort(a, axis=0),
        "asscalar": lambda a: a.item(),
        "alen": lambda a: len(np.atleast_1d(a)),
        "rank": np.ndim,
        "find_common_type": lambda arrays, scalars: np.result_type(*arrays, *scalars),
    }
    return {**same, **made}
