# SPDX-License-Identifier: Apache-2.0
"""Let a node's weights expect the rounding errors that its inputs come with.

Quantized inputs x + e are not what the weights w were trained on. The weights w + d make the
least error where

    d E[x' x'^T] = -w E[e x'^T],    x' = x + e about its mean:

what the inputs tell of their own errors, by their channels or neighbors going together, is
taken off again. Only the numbers in the weights change.

Source: the linear estimator of least mean square error (Kay 1993, Estimation Theory, chapter
12). That a layer is to match the float output from quantized inputs is also the aim of Li et
al. 2025, arXiv:2504.02692.
"""

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.refinement.moments import Half, Moments

Doubles = NDArray[np.float64]

# of the mean variance: keeps the solution from following what hardly varies
_RIDGE = 0.003


def denoised(weight: Doubles, moments: Moments) -> Doubles:
    """Return the weights that expect their inputs' errors.

    How much of the change to make is chosen for each output by what the change that one half
    of the samples asks for does to the other half.

    Args:
        weight: Shape (outputs, window).
        moments: Of the inputs; where they have no halves the weights stay.
    """
    if not moments.halves:
        return weight
    parts = np.split(weight, len(moments.halves[0].covariance))
    return np.concatenate(
        [
            _denoised(part, *(_group(half, number) for half in moments.halves))
            for number, part in enumerate(parts)
        ]
    )


def _group(half: Half, number: int) -> Half:
    return Half(half.covariance[number], half.noise[number])


def _denoised(weight: Doubles, one: Half, other: Half) -> Doubles:
    share = _share(weight, ((_change(weight, one), other), (_change(weight, other), one)))
    covariance, noise = one.covariance + other.covariance, one.noise + other.noise
    covariance /= 2
    noise /= 2
    return np.asarray(weight + share[:, np.newaxis] * _change(weight, Half(covariance, noise)))


def _change(weight: Doubles, half: Half) -> Doubles:
    ridge = _RIDGE * float(np.diag(half.covariance).mean())
    if ridge <= 0:  # nothing varies
        return np.zeros_like(weight)
    damped = half.covariance.copy()
    damped[np.diag_indices_from(damped)] += ridge
    return np.asarray(-np.linalg.solve(damped, (weight @ half.noise).T).T)


def _share(weight: Doubles, trials: tuple[tuple[Doubles, Half], ...]) -> Doubles:
    """Return per output the share, in [0, 1], at which held-out samples lose least.

    A change d times a share s alters the squared error by s^2 d C d^T + 2 s w N d^T.
    """
    curve = sum(((change @ half.covariance) * change).sum(axis=1) for change, half in trials)
    slope = sum(((weight @ half.noise) * change).sum(axis=1) for change, half in trials)
    share = np.divide(-slope, curve, out=np.zeros(len(weight)), where=np.asarray(curve) > 0)
    return np.asarray(np.clip(share, 0.0, 1.0))
