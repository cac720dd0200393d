# SPDX-License-Identifier: Apache-2.0
"""What a program finds around it: older names of numpy, and silence."""

import logging
import os
import subprocess
import sys
import types

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


def test_names_that_numpy_has_stay(old_numpy: types.ModuleType) -> None:
    assert all(vars(old_numpy)[name] is value for name, value in vars(np).items())


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
