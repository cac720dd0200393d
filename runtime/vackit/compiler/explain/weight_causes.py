# SPDX-License-Identifier: Apache-2.0
"""Causes that lie in a block's weights."""

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Weights
from vackit.compiler.explain.evidence import FAR, MUCH, Cause, Evidence, channels_text, ratio_text

# of the largest integer, 127, with room for half a step
CUT = 126.5
TINY = float(np.finfo(np.float64).tiny)


def range_spread(evidence: Evidence) -> Cause | None:
    """Tell channels too far apart for the one scale they share."""
    weights = evidence.block.weights
    if weights is None or weights.scale.ndim:
        return None
    maxima = channel_maxima(weights)
    largest, median = float(maxima.max()), float(np.median(maxima))
    poor = int((maxima < largest / FAR).sum())
    if not poor or largest < MUCH * median:
        return None
    return Cause(
        "weight_range_spread",
        f"one scale for all weights, but the channels' maxima span {ratio_text(largest, median)} "
        f"their median: {poor} of {maxima.size} channels keep less than 5 of 8 bits",
    )


def outlier_channel(evidence: Evidence) -> Cause | None:
    """Tell one output channel whose weights stand out."""
    weights = evidence.block.weights
    if weights is None:
        return None
    maxima = channel_maxima(weights)
    if maxima.size < 3:
        return None
    order = np.argsort(-maxima, kind="stable")
    largest, next_one = float(maxima[order[0]]), float(maxima[order[1]])
    if largest < MUCH * next_one:
        return None
    return Cause(
        "outlier_channel",
        f"the weights of output channel {order[0]} reach {largest:.4g}, those of the next one "
        f"{next_one:.4g} ({ratio_text(largest, next_one)})",
        largest / max(next_one, TINY),
    )


def outlier_weight(evidence: Evidence) -> Cause | None:
    """Tell one weight that stands out of its channel, or of all where they share a scale."""
    weights = evidence.block.weights
    if weights is None or weights.floating.size < 3:
        return None
    sizes = np.abs(weights.floating)
    channels = np.moveaxis(sizes, weights.channel_axis, 0).reshape(
        sizes.shape[weights.channel_axis], -1
    )
    if channels.shape[1] < 3:
        return None
    top = np.partition(channels, -2, axis=1)[:, -2:]
    ratios = top[:, 1] / np.maximum(top[:, 0], np.finfo(np.float32).tiny)
    if weights.scale.ndim == 0:
        # one scale for all: an outlier is one that stands out of the whole tensor
        ratios = np.where(top[:, 1] == sizes.max(), ratios, 0)
        rest = np.sort(sizes, axis=None)[-2]
        ratios = np.minimum(ratios, top[:, 1] / max(float(rest), np.finfo(np.float32).tiny))
    channel = int(np.argmax(ratios))
    if ratios[channel] < FAR or top[channel, 1] < np.median(channels.max(axis=1)):
        return None
    return Cause(
        "outlier_weight",
        f"one weight of output channel {channel} is {top[channel, 1]:.4g}, the next largest "
        f"{top[channel, 0]:.4g} ({ratio_text(top[channel, 1], top[channel, 0])})",
        float(ratios[channel]),
    )


def bias_overflow(evidence: Evidence) -> Cause | None:
    """Tell channels whose scale the bias sets."""
    weights = evidence.block.weights
    if weights is None or weights.floating_bias is None or weights.integer_bias is None:
        return None
    alive = channel_maxima(weights) > 0
    needed = channel_maxima(weights) / 127 * MUCH
    scale = np.broadcast_to(weights.scale, alive.shape)
    bound = alive & (scale > needed) & (np.abs(weights.floating_bias) > 0)
    if weights.scale.ndim == 0 or not bound.any():
        return None
    return Cause(
        "bias_overflow",
        f"the bias of {channels_text(bound)} is so large beside the weights that it sets their "
        "scale, and they round away",
    )


def evened_channel(evidence: Evidence) -> Cause | None:
    """Tell a channel that stood out of the model's weights until the build evened it out."""
    found = evidence.evened.get(evidence.block.name)
    if found is None:
        return None
    return Cause(
        "evened_channel",
        f"output channel {found['channel']} had {found['ratio_before']:g} times the weights of "
        f"the middle one; the build has evened that out to {found['ratio_after']:g} times",
        float(found["ratio_before"]),
    )


def cut_weights(evidence: Evidence) -> Cause | None:
    """Tell weights that were cut off to give the others a finer scale."""
    weights = evidence.block.weights
    if weights is None:
        return None
    cut = is_cut(weights)
    over = np.abs(weights.floating) / (CUT * along_axis(weights))
    if not cut.any() or float(over[cut].max()) < MUCH / 2:
        return None
    return Cause(
        "cut_weights",
        f"{int(cut.sum())} of its weights are cut off at the largest integer, by up to "
        f"{float(over[cut].max()):.3g} times, to give the others a finer scale",
        float(over[cut].max()),
    )


def is_cut(weights: Weights) -> NDArray[np.bool_]:
    """Return which weights the largest integer cuts off."""
    limit = CUT * along_axis(weights)
    same_side = weights.floating * weights.integer > 0
    found = (np.abs(weights.floating) > limit) & (np.abs(weights.integer) > limit) & same_side
    return np.asarray(found, np.bool_)


def channel_maxima(weights: Weights) -> NDArray[np.float32]:
    """Return the largest magnitude of each output channel's float weights."""
    axes = tuple(i for i in range(weights.floating.ndim) if i != weights.channel_axis)
    return np.asarray(np.abs(weights.floating).max(axis=axes), np.float32)


def along_axis(weights: Weights) -> NDArray[np.float32]:
    """Return the scale in a shape that multiplies with the weights."""
    if weights.axis is None:
        return weights.scale
    shape = [1] * weights.floating.ndim
    shape[weights.axis] = -1
    return weights.scale.reshape(shape)
