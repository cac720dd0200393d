# SPDX-License-Identifier: Apache-2.0
"""Names of numpy that newer versions have dropped."""

import sys
import types

import numpy as np
import pytest

from vackit.compat.former.numpy_names import print_numbers_bare, restore_numpy_names

# there under their names, with the meaning of before
WRAPPED = ("array", "fromstring")


@pytest.fixture
def old_numpy(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """Return a stand-in for numpy that gets the older names."""
    module = types.ModuleType("numpy")
    module.__dict__.update(vars(np))
    monkeypatch.setitem(sys.modules, "numpy", module)
    restore_numpy_names()
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
    kept = {name: value for name, value in vars(np).items() if name not in WRAPPED}
    assert all(vars(old_numpy)[name] is value for name, value in kept.items())


def test_fromstring_reads_bytes_and_text(old_numpy: types.ModuleType) -> None:
    restore_numpy_names()  # twice is harmless
    fromstring = vars(old_numpy)["fromstring"]
    made = fromstring(b"\x01\x02\x03", np.uint8)
    made[0] = 9  # a copy, writable
    assert made.tolist() == [9, 2, 3]
    assert fromstring(b"\x01\x02\x03", "uint8", 2).tolist() == [1, 2]
    assert fromstring("\x00\x00\x80\x3f", dtype=np.float32).tolist() == [1.0]
    assert fromstring("1,2", dtype=int, sep=",").tolist() == [1, 2]


def test_array_copies_where_it_must(old_numpy: types.ModuleType) -> None:
    restore_numpy_names()  # twice is harmless
    array = vars(old_numpy)["array"]
    assert array([1, 2], copy=False).tolist() == [1, 2]
    given = np.zeros(2)
    assert array(given, copy=False) is given
    assert array(given) is not given


def test_numbers_in_lists_print_without_their_types() -> None:
    with np.printoptions():
        print_numbers_bare()
        assert str([np.float32(0.5), np.int64(3)]) == "[0.5, 3]"
