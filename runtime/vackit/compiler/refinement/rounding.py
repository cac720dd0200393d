# SPDX-License-Identifier: Apache-2.0
"""Round weights one after the other, each later one making up for those before it.

Rounding every weight to its nearest step minimizes the error of the weights; what counts is
the error of the output, sum((dw x)^2) = dw C dw', with C the second moments of the input.
Where inputs go together, what one weight loses another can give back.

Source: Frantar et al. 2022, arXiv:2210.17323 (GPTQ), section 3.3; the order of the columns
and the damping are its published implementation's (act-order, 1 % of the mean diagonal).
"""

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.quantize import WEIGHT_MAX

Doubles = NDArray[np.float64]

_TINY = 1e-30
# cutting has to pay: the variances are estimates
_WORTH_CUTTING = 0.7
# down to a sixtieth
_FRACTIONS = tuple(0.9**power for power in range(40))
DAMPING = 0.01
# columns whose errors are handed on together, which makes matrix products of it
_BLOCK = 64


def round_compensated(
    weight: Doubles, scale: Doubles, covariance: Doubles, limit: int = WEIGHT_MAX
) -> Doubles:
    """Return ``weight`` in whole steps of ``scale`` that disturb the output least.

    Args:
        weight: Shape (outputs, window).
        scale: Shape (outputs,).
        covariance: Of the inputs, shape (window, window), symmetric, not negative.
        limit: The largest integer.

    Returns:
        Whole numbers in [-limit, limit], shape (outputs, window).
    """
    order = np.argsort(-np.diag(covariance), kind="stable")
    factor = _inverse_factor(covariance[np.ix_(order, order)])
    left = weight[:, order].copy()
    steps = np.zeros_like(left)
    size = left.shape[1]
    for start in range(0, size, _BLOCK):
        end = min(start + _BLOCK, size)
        errors = np.zeros((len(left), end - start))
        for column in range(start, end):
            steps[:, column] = nearest = to_steps(left[:, column], scale, limit)
            error = (left[:, column] - nearest * scale) / factor[column, column]
            left[:, column:end] -= np.outer(error, factor[column, column:end])
            errors[:, column - start] = error
        left[:, end:] -= errors @ factor[start:end, end:]
    result = np.empty_like(steps)
    result[:, order] = steps
    return result


def clipped_scale(
    weight: Doubles, scale: Doubles, variance: Doubles, limit: int = WEIGHT_MAX
) -> Doubles:
    """Return the scale, of some fractions of ``scale``, that disturbs the outputs least.

    A large weight on an input that never varies makes every other weight coarse and does
    nothing but shift the mean, which the bias can do: such weights are better cut off.

    Args:
        weight: Shape (outputs, window).
        scale: What the largest weights ask for, shape (outputs,), or () for one scale.
        variance: Of the inputs, shape (outputs, window).
        limit: The largest integer.

    Returns:
        Of the shape of ``scale``.
    """
    signal = (weight**2 * variance).sum(axis=1)
    # an output that does not vary counts as one of a thousandth of the usual variance
    importance = 1.0 / np.maximum(signal, max(1e-3 * float(signal.mean()), _TINY))
    best, least = scale, np.full(scale.shape, np.inf)
    for fraction in _FRACTIONS:
        steps = np.broadcast_to(scale * fraction, (len(weight),))[:, np.newaxis]
        wrong = weight - to_steps(weight, steps, limit) * steps
        loss = (wrong**2 * variance).sum(axis=1) * importance
        total = loss if scale.ndim else loss.sum()
        if fraction == 1.0:
            total = total * _WORTH_CUTTING
        best = np.where(total < least, scale * fraction, best)
        least = np.minimum(total, least)
    return np.asarray(best)


def to_steps(weight: Doubles, scale: Doubles, limit: int = WEIGHT_MAX) -> Doubles:
    """Return the nearest whole steps, half to even, in [-limit, limit]."""
    return np.asarray(np.clip(np.rint(weight / scale), -limit, limit))


def _inverse_factor(covariance: Doubles) -> Doubles:
    """Return the upper triangle U with U' U = inverse of the damped covariance."""
    mean = float(np.diag(covariance).mean())
    damped = covariance.copy()
    damped[np.diag_indices_from(damped)] += DAMPING * mean if mean > 0 else 1.0
    inverse = np.linalg.inv(damped)
    inverse = inverse + inverse.T
    inverse /= 2
    return np.asarray(np.linalg.cholesky(inverse).T)
