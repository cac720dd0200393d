# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vackit.compiler.refinement.rounding import clipped_scale, round_compensated, to_steps

Doubles = NDArray[np.float64]


def _correlated(rng: np.random.Generator, window: int) -> Doubles:
    mix = rng.standard_normal((window, window)) + 2.0  # a common part binds the inputs
    return np.asarray(mix @ mix.T / window)


def _loss(wrong: Doubles, covariance: Doubles) -> float:
    return float(((wrong @ covariance) * wrong).sum())


def test_to_steps_rounds_half_to_even_and_saturates() -> None:
    weight = np.array([[0.5, 1.5, -2.5, 200.0, -200.0]])
    assert to_steps(weight, np.array([1.0])).tolist() == [[0, 2, -2, 127, -127]]
    assert to_steps(weight, np.array([1.0]), 64).tolist() == [[0, 2, -2, 64, -64]]


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3))
def test_to_steps_stays_within_half_a_step(seed: int, scale: float) -> None:
    weight = np.random.default_rng(seed).uniform(-127, 127, (1, 32)) * scale
    # a millionth of a step for the divisions' own rounding
    assert np.abs(to_steps(weight, np.array([scale])) * scale - weight).max() <= 0.500001 * scale


def test_round_compensated_equals_nearest_when_inputs_are_independent() -> None:
    weight = np.random.default_rng(0).standard_normal((5, 12)) * 20
    got = round_compensated(weight, np.ones(5), np.eye(12))
    np.testing.assert_array_equal(got, np.rint(weight))


def test_round_compensated_lets_the_second_weight_make_up_for_the_first() -> None:
    # both inputs are nearly the same: 0.4 + 0.4 should become 1 and not 0
    covariance = np.array([[1.0, 0.999], [0.999, 1.0]])
    got = round_compensated(np.array([[0.4, 0.4]]), np.ones(1), covariance)
    assert got.sum() == 1


def test_round_compensated_disturbs_outputs_less_than_nearest() -> None:
    rng = np.random.default_rng(1)
    covariance = _correlated(rng, 150)  # more than two blocks
    weight = rng.standard_normal((16, 150)) * 10
    compensated = _loss(round_compensated(weight, np.ones(16), covariance) - weight, covariance)
    # the common part of all inputs' errors cancels: far more than the half that is asked for
    assert compensated < 0.5 * _loss(np.rint(weight) - weight, covariance)


def test_round_compensated_keeps_whole_weights_as_they_are() -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-127, 128, (4, 9)).astype(np.float64)
    got = round_compensated(weight * 0.25, np.full(4, 0.25), _correlated(rng, 9))
    np.testing.assert_array_equal(got, weight)


@pytest.mark.parametrize("dead", [0, 3, 9], ids=["none", "some", "all"])
def test_round_compensated_takes_inputs_that_never_vary(dead: int) -> None:
    covariance = np.diag([0.0] * dead + [1.0] * (9 - dead))
    got = round_compensated(np.full((2, 9), 3.3), np.ones(2), covariance)
    np.testing.assert_array_equal(got, np.full((2, 9), 3.0))


def test_clipped_scale_keeps_the_full_range_when_all_inputs_count() -> None:
    weight = np.random.default_rng(3).uniform(-1, 1, (4, 64))
    scale = np.abs(weight).max(axis=1) / 127
    np.testing.assert_array_equal(clipped_scale(weight, scale, np.ones((4, 64))), scale)


def test_clipped_scale_cuts_a_large_weight_on_an_input_that_never_varies() -> None:
    weight = np.random.default_rng(4).uniform(-1, 1, (4, 64))
    weight[0, 0] = 50.0
    variance = np.ones((4, 64))
    variance[0, 0] = 0.0
    (whole,) = clipped_scale(weight, np.array(50 / 127), variance)[np.newaxis]
    # one step of the fractions above what the other weights need, or less
    assert whole <= 1.0 / 127 / 0.9
    by_channel = clipped_scale(weight, np.full(4, 50 / 127), variance)
    assert by_channel.shape == (4,)


def test_clipped_scale_keeps_a_large_weight_on_an_input_that_counts() -> None:
    weight = np.full((1, 64), 0.5)
    weight[0, 0] = 2.0
    scale = np.array([2 / 127])
    np.testing.assert_array_equal(clipped_scale(weight, scale, np.ones((1, 64))), scale)
