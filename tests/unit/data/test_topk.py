# SPDX-License-Identifier: Apache-2.0
"""The one rule by which scores become ranks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vackit.data.topk import topk
from vackit.errors import DataError


def test_topk_puts_the_highest_first() -> None:
    assert topk(np.array([0.1, 0.7, 0.2], np.float16), 2).tolist() == [1, 2]


def test_topk_puts_the_lower_index_first_when_scores_are_equal() -> None:
    assert topk(np.array([1, 3, 3, 0, 3], np.float32), 4).tolist() == [1, 2, 4, 0]


def test_topk_drops_leading_ones_and_takes_infinities() -> None:
    assert topk(np.array([[[-np.inf, 0.0, np.inf]]]), 5).tolist() == [2, 1, 0]


@pytest.mark.parametrize("shape", [(2, 3), (1, 3, 1), (0,), ()], ids=str)
def test_topk_refuses_what_is_not_one_row(shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match="are not one row of classes"):
        topk(np.zeros(shape), 1)


def test_topk_refuses_nan() -> None:
    with pytest.raises(DataError, match=r"the score of class 1 is not a number \(NaN\)"):
        topk(np.array([0.0, np.nan]), 1)


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.integers(1, 25))
def test_topk_agrees_with_sorting_pairs(scores: list[int], k: int) -> None:
    wanted = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert topk(np.array(scores, np.float16), k).tolist() == wanted
