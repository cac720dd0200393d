# SPDX-License-Identifier: Apache-2.0
"""Methods of arrays that newer versions of numpy have dropped."""

import gc
from typing import Any

import numpy as np
import pytest

from vackit.compat.former.array_methods import restore_array_methods

# numpy 1 still has them and may warn of their end
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture
def array() -> Any:
    restore_array_methods(np)
    restore_array_methods(np)  # twice is harmless
    return np.arange(6, dtype=np.int16).reshape(2, 3)


def test_tostring_is_tobytes(array: Any) -> None:
    assert array.tostring() == array.tobytes()
    assert array.tostring(order="F") == array.tobytes("F")


def test_ptp_is_the_largest_less_the_smallest(array: Any) -> None:
    assert array.ptp() == 5
    assert array.ptp(axis=1).tolist() == [2, 2]


def test_itemset_takes_a_flat_index_an_index_or_none(array: Any) -> None:
    array.itemset(0, 9)
    array.itemset((1, 2), 8)
    array.itemset(1, 1, 7)
    assert array.tolist() == [[9, 1, 2], [3, 7, 8]]
    lone = np.array(3)
    restored: Any = lone
    restored.itemset(4)
    assert lone == 4


def test_newbyteorder_swaps_what_the_bytes_mean(array: Any) -> None:
    assert array.newbyteorder().tolist() == array.byteswap().tolist()
    assert array.newbyteorder("<").dtype.byteorder in "<="


def test_restore_array_methods_leaves_arrays_whose_methods_are_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gc, "get_referents", lambda _: [np.ndarray])
    restore_array_methods(np)
    assert np.zeros(1).tolist() == [0]
