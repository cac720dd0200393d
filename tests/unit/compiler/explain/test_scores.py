# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from vackit.compiler.explain.scores import MAX_FLIPS, Prediction, Scores, num_classes
from vackit.tensors import TensorSpec


def _row(best: int) -> np.ndarray:
    row = np.zeros((1, 4), np.float32)
    row[0, best] = 1
    return row


def test_scores_count_agreement_and_top1() -> None:
    scores = Scores()
    scores.add("a", _row(1), _row(1), 1)
    scores.add("b", _row(2), _row(3), 2)
    scores.add("c", _row(0), _row(2), 2)
    scores.add("d", _row(0), _row(1), None)
    assert scores.agreement is not None
    assert scores.agreement.value == 25
    assert scores.agreement.low < 25 < scores.agreement.high
    assert scores.top1_floating == pytest.approx(66.6667)
    assert scores.top1_integer == pytest.approx(66.6667)
    assert scores.drop == 0
    assert scores.loss is not None
    assert not scores.loss.is_certain
    flips = [("b", 2, 3, 2), ("c", 0, 2, 2), ("d", 0, 1, None)]
    assert scores.flips == [Prediction(*flip) for flip in flips]
    assert scores.to_json()["drop_interval_95"] == scores.loss.to_json()


def test_scores_without_labels_drop_what_disagrees() -> None:
    scores = Scores()
    for best in (0, 1, 1, 1):
        scores.add("a", _row(1), _row(best), None)
    assert (scores.drop, scores.top1_integer) == (25, None)


@pytest.mark.parametrize("shape", [(1, 3, 2, 2), (1, 1), (1, 4, 1)], ids=str)
def test_scores_rank_nothing_in_a_map(shape: tuple[int, ...]) -> None:
    scores = Scores()
    scores.add("a", np.ones(shape, np.float32), np.ones(shape, np.float32), 0)
    assert (scores.num_images, scores.agreement, scores.drop) == (1, None, None)
    assert num_classes([TensorSpec("x", (None, *shape[1:]), "float32")]) is None


def test_num_classes_is_the_length_of_a_row() -> None:
    assert num_classes([TensorSpec("x", (None, 10), "float32")]) == 10


def test_scores_keep_no_endless_list_of_flips() -> None:
    scores = Scores()
    for _ in range(MAX_FLIPS + 5):
        scores.add("a", _row(1), _row(0), None)
    assert len(scores.flips) == MAX_FLIPS
    assert scores.drop == 100


@pytest.mark.parametrize(("label", "gain"), [(1, 75), (None, 75), (0, -75)], ids=str)
def test_gain_compares_the_same_images(label: int | None, gain: float) -> None:
    before, after = Scores(), Scores()
    for number in range(4):
        before.add("a", _row(1), _row(0 if number else 1), label)
        after.add("a", _row(1), _row(1), label)
    found = after.gain_over(before)
    assert found is not None
    assert found.value == gain
    assert Scores().gain_over(Scores()) is None
