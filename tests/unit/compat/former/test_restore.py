# SPDX-License-Identifier: Apache-2.0
"""Names of Python's own modules that newer versions have dropped."""

import base64
import collections.abc
import fractions
import threading
from typing import Any

from vackit.compat.former.restore import restore_names


def test_abstract_classes_of_collections_are_where_they_were() -> None:
    restore_names()
    old: Any = collections
    assert issubclass(dict, old.Mapping)
    assert old.Iterable is collections.abc.Iterable


def test_what_python_has_dropped_since_3_8_is_there_again() -> None:
    restore_names()
    coder: Any = base64
    assert coder.decodestring(coder.encodestring(b"abc")) == b"abc"
    thread: Any = threading.current_thread()
    assert thread.isAlive()
    numbers: Any = fractions
    assert numbers.gcd(12, 18) == 6
