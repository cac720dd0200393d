# SPDX-License-Identifier: Apache-2.0
import pytest

from vackit.errors import EvaluationError
from vamp_eval.accuracy import Accuracy, score


def test_score_counts_first_and_first_five() -> None:
    ranked = [[1, 2, 3, 4, 5], [2, 1, 3, 4, 5], [9, 8, 7, 6, 1], [9, 8, 7, 6, 5]]
    assert score(ranked, [1, 1, 1, 1]) == Accuracy(4, 1, 3, 5)


def test_score_looks_no_further_than_five() -> None:
    assert score([[1, 2, 3, 4, 5, 6]], [6]) == Accuracy(1, 0, 0, 5)


def test_score_says_how_deep_it_looked() -> None:
    assert score([[1, 2, 0]], [0]) == Accuracy(1, 0, 1, 3)


def test_score_of_nothing_is_an_error() -> None:
    with pytest.raises(EvaluationError, match="there is no result to evaluate"):
        score([], [])


def test_score_of_ragged_ranks_is_an_error() -> None:
    with pytest.raises(EvaluationError, match=r"different numbers of ranks: \[1, 2\]"):
        score([[1], [1, 2]], [1, 1])


def test_accuracy_prints_the_published_line() -> None:
    accuracy = Accuracy(487, 384, 460)
    assert accuracy.summary() == "[VACC]:  top1_rate: 78.850 top5_rate: 94.456"
    assert accuracy.details() == (
        "487 images, top-1 384 (95 % interval 75.00 to 82.24), top-5 460 (92.05 to 96.16)"
    )


def test_accuracy_gives_every_number_in_json() -> None:
    data = Accuracy(4, 1, 3, 3).to_json()
    assert data["n"] == 4
    assert (data["top1"], data["top5"]) == (25.0, 75.0)
    assert (data["top1_count"], data["top5_count"], data["top5_depth"]) == (1, 3, 3)
    assert data["top1_interval_95"][0] < 25 < data["top1_interval_95"][1]
