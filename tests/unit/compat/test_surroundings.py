# SPDX-License-Identifier: Apache-2.0
"""What a program finds around it: older names of numpy, and silence."""

import base64
import collections.abc
import fractions
import logging
import os
import subprocess
import sys
import threading
import types
from typing import Any

import numpy as np
import pytest

from vackit.compat import surroundings


@pytest.fixture
def old_numpy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Return a stand-in for numpy that gets the older names."""
    module = types.ModuleType("numpy")
    module.__dict__.update(vars(np))
    monkeypatch.setitem(sys.modules, "numpy", module)
    surroundings.restore_numpy_names()
    return module


# where numpy still has a name, it may warn of its end
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_dropped_names_of_numpy_are_there_again(old_numpy: types.ModuleType) -> None:
    found = vars(old_numpy)
    assert (found["int"], found["float"], found["object"]) == (int, float, object)
    assert np.isnan(found["NaN"])
    assert found["PINF"] == found["Inf"] == -found["NINF"] == np.inf
    assert np.zeros(1, found["float_"]).dtype == np.float64
    assert found["product"]([2, 3]) == 6
    assert found["in1d"]([[1, 2], [3, 4]], [2, 4]).tolist() == [False, True, False, True]
    assert found["in1d"]([1, 2], [2], invert=True).tolist() == [True, False]
    assert found["asfarray"]([1]).dtype == np.float64
    assert found["asfarray"]([1], np.float32).dtype == np.float32
    assert found["trapz"]([1, 2, 3], dx=2) == 8
    assert found["row_stack"](([1], [2])).tolist() == [[1], [2]]
    assert found["msort"]([[3, 1], [2, 4]]).tolist() == [[2, 1], [3, 4]]
    assert found["asscalar"](np.array([5])) == 5
    assert (found["int0"], found["uint0"]) == (np.intp, np.uintp)
    assert found["math"].sqrt(4) == 2
    assert np.float32 in found["sctypes"]["float"]
    assert (found["alen"]([4, 5]), found["rank"]([[1]])) == (2, 2)
    assert found["find_common_type"]([np.float32, np.float64], []) == np.float64


def test_names_that_numpy_has_stay(old_numpy: types.ModuleType) -> None:
    kept = {name: value for name, value in vars(np).items() if name != "fromstring"}
    assert all(vars(old_numpy)[name] is value for name, value in kept.items())


def test_abstract_classes_of_collections_are_where_they_were() -> None:
    surroundings.restore_names()
    old: Any = collections
    assert issubclass(dict, old.Mapping)
    assert old.Iterable is collections.abc.Iterable


def test_what_python_has_dropped_since_3_8_is_there_again() -> None:
    surroundings.restore_names()
    coder: Any = base64
    assert coder.decodestring(coder.encodestring(b"abc")) == b"abc"
    thread: Any = threading.current_thread()
    assert thread.isAlive()
    numbers: Any = fractions
    assert numbers.gcd(12, 18) == 6


def test_fromstring_reads_bytes_and_text(old_numpy: types.ModuleType) -> None:
    surroundings.restore_numpy_names()  # twice is harmless
    fromstring = vars(old_numpy)["fromstring"]
    made = fromstring(b"\x01\x02\x03", np.uint8)
    made[0] = 9  # a copy, writable
    assert made.tolist() == [9, 2, 3]
    assert fromstring(b"\x01\x02\x03", "uint8", 2).tolist() == [1, 2]
    assert fromstring("\x00\x00\x80\x3f", dtype=np.float32).tolist() == [1.0]
    assert fromstring("1,2", dtype=int, sep=",").tolist() == [1, 2]


def test_a_log_that_somebody_reads_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    logger = logging.getLogger("vackit")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        with np.printoptions():
            surroundings.prepare()
    finally:
        logger.removeHandler(handler)
    assert "OPENCV_LOG_LEVEL" not in os.environ


def test_a_user_who_wants_to_see_warnings_sees_them() -> None:
    code = (
        "from vackit.compat.surroundings import prepare; prepare()\n"
        "import warnings; warnings.warn('old', DeprecationWarning)\n"
    )
    for option, seen in (("-Wdefault", True), ("-Wignore", False)):
        done = subprocess.run(
            [sys.executable, option, "-c", code], capture_output=True, text=True, check=True
        )
        assert ("old" in done.stderr) is seen


def test_numbers_in_lists_print_without_their_types() -> None:
    with np.printoptions():
        surroundings.print_numbers_bare()
        assert str([np.float32(0.5), np.int64(3)]) == "[0.5, 3]"
