# SPDX-License-Identifier: Apache-2.0
"""Give programs the names back that they were written with."""

import base64
import collections.abc
import fractions
import math
import threading
from typing import Any

from vackit.compat.former.distutils_modules import restore_distutils
from vackit.compat.former.numpy_names import restore_numpy_names
from vackit.compat.former.pillow_names import restore_pillow_names

# Python 3.8, for which programs were written, had them (all: until 3.9)
_DROPPED_BY_PYTHON: tuple[tuple[Any, str, Any], ...] = (
    (threading.Thread, "isAlive", threading.Thread.is_alive),
    (base64, "encodestring", base64.encodebytes),
    (base64, "decodestring", base64.decodebytes),
    (fractions, "gcd", math.gcd),
)


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
