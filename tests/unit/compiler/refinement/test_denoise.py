# SPDX-License-Identifier: Apache-2.0
import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from vackit.compiler.refinement.denoise import denoised
from vackit.compiler.refinement.moments import MAX_NOISE_WINDOW, Moments, MomentSums

Doubles = NDArray[np.float64]
# every sample is a picture of 16x16 of one source in eight channels
_SIZE = (8, 16, 16)


def _conv(group: int = 1) -> onnx.NodeProto:
    return helper.make_node("Conv", ["x", "w"], ["y"], group=group)


def _samples(count: int, seed: int, *, shared: bool) -> list[tuple[Doubles, Doubles]]:
    """Return float inputs in steps, and the same with rounding errors of one channel each."""
    rng = np.random.default_rng(seed)
    pairs = []
    for _ in range(count):
        source = rng.normal(0, 20, (1, *_SIZE[1:]) if shared else _SIZE)
        exact = np.broadcast_to(source, _SIZE) + rng.normal(0, 0.1, _SIZE)
        pairs.append((np.rint(exact + rng.uniform(-8, 8, _SIZE)), exact))
    return pairs


def _moments(pairs: list[tuple[Doubles, Doubles]], group: int = 1) -> Moments:
    sums = MomentSums(_conv(group), (4 if group == 1 else 8, 8 // group, 1, 1))
    for noisy, exact in pairs:
        sums.add(noisy[np.newaxis], exact[np.newaxis])
    return sums.moments()


def _error(weight: Doubles, used: Doubles, pairs: list[tuple[Doubles, Doubles]]) -> float:
    errors = [used @ noisy.reshape(8, -1) - weight @ exact.reshape(8, -1) for noisy, exact in pairs]
    return float(np.mean(np.square(errors)))


def test_denoised_takes_off_what_channels_that_go_together_tell() -> None:
    weight = np.eye(4, 8)
    pairs = _samples(12, 1, shared=True)
    changed = denoised(weight, _moments(pairs))
    fresh = _samples(12, 2, shared=True)
    # eight channels of one source: their errors average out, which leaves an eighth
    assert _error(weight, changed, fresh) < 0.15 * _error(weight, weight, fresh)


def test_denoised_does_no_harm_where_channels_tell_nothing() -> None:
    weight = np.random.default_rng(0).normal(0, 1, (4, 8))
    changed = denoised(weight, _moments(_samples(12, 1, shared=False)))
    fresh = _samples(12, 2, shared=False)
    # the gain that is left: a signal of 20 steps with errors of 4.6 is 5 % too large
    assert _error(weight, changed, fresh) <= _error(weight, weight, fresh)
    np.testing.assert_allclose(changed, weight * 400 / (400 + 64 / 3), atol=0.1)


def test_denoised_treats_each_group_by_itself() -> None:
    pairs = _samples(12, 1, shared=False)
    weight = np.random.default_rng(0).normal(0, 1, (8, 1))
    together = denoised(weight, _moments(pairs, group=8))
    for channel in range(8):
        alone = [
            (noisy[channel : channel + 1], exact[channel : channel + 1]) for noisy, exact in pairs
        ]
        sums = MomentSums(_conv(), (1, 1, 1, 1))
        for noisy, exact in alone:
            sums.add(noisy[np.newaxis], exact[np.newaxis])
        np.testing.assert_allclose(
            denoised(weight[channel : channel + 1], sums.moments()),
            together[channel : channel + 1],
        )


def test_denoised_leaves_weights_of_one_sample_and_of_inputs_that_never_vary() -> None:
    weight = np.ones((4, 8))
    assert denoised(weight, _moments(_samples(1, 1, shared=True))) is weight
    still = [(np.full(_SIZE, 3.0), np.full(_SIZE, 3.25))] * 4
    np.testing.assert_array_equal(denoised(weight, _moments(still)), weight)


def test_denoised_leaves_weights_of_windows_that_are_too_wide() -> None:
    size = MAX_NOISE_WINDOW + 1
    sums = MomentSums(helper.make_node("Gemm", ["x", "w", "b"], ["y"]), (2, size))
    for seed in range(3):
        row = np.random.default_rng(seed).normal(0, 9, (1, size))
        sums.add(np.rint(row), row)
    weight = np.ones((2, size))
    assert denoised(weight, sums.moments()) is weight
