# SPDX-License-Identifier: Apache-2.0
"""Multiply channels so that quantization loses less, without changing the network.

One scale serves all channels of an activation: a channel that stays small uses few of the
256 steps. Whoever makes it may multiply it and whoever reads it divide again
(`channel_groups`), which moves the trouble into the reader's weights. How far to go is chosen
for each set of channels by the noise that a model of uniform rounding errors predicts at the
readers' outputs, and so is how far the ranges of the weights themselves are evened out, which
is what weights of one scale need.

Source: Nagel et al. 2019, arXiv:1906.04721, section 4.1 (equal ranges of weights); the
powers between leaving as is and making equal are Xiao et al. 2022's, arXiv:2211.10438, eq. 4.
"""

from collections.abc import Iterator, Mapping
from itertools import product

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from vackit.compiler.graph import constants, values_of
from vackit.compiler.placement import Placement
from vackit.compiler.quantize import WEIGHT_MAX
from vackit.compiler.refinement.channel_groups import ChannelGroups
from vackit.compiler.refinement.channel_noise import Channels, NoiseModel

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

# how much of the difference in activation ranges, and of that in weight ranges, to take out
# (all of it trusts the extremes of a few samples: ShuffleNetV2 x0.5 lost 1.1 dB by it)
_ACTIVATION_POWERS = (0.0, 0.25, 0.5, 0.75)
_WEIGHT_POWERS = (0.0, 0.5, 1.0)
# times the middle channel's range: what reaches further is brought down to that
_OUTLIERS = (np.inf, 4.0)
# a channel that hardly moves over the samples may move elsewhere: no more than this
LARGEST = 64.0
# a Clip's limit may come down to this many times the largest value seen
_HEADROOM = 1.5
# and to no less than one of this
_LARGEST_CAPPED = 4.0
# share of the energy of held-out samples' peaks that lower limits may cut off
_LOST = 1e-4
_TINY = 1e-30
_SWEEPS = 3


def equalize(
    model: onnx.ModelProto,
    placement: Placement,
    channels: Mapping[str, Channels],
    *,
    per_channel: bool,
    limit: int = WEIGHT_MAX,
) -> int:
    """Scale the channels of ``model`` in place; its outputs stay.

    Behind a Clip at 6 a factor also lowers the limit of its channel (`clip_limits`).

    Args:
        model: float32 with batch norms folded.
        placement: What will be quantized.
        channels: Of every value that will be quantized.
        per_channel: Whether each output channel of a weight gets a scale of its own.
        limit: The largest integer weight.

    Returns:
        How many sets of channels were scaled.
    """
    groups = ChannelGroups(model)
    channels = {name: own for name, own in channels.items() if name in groups.values}
    limits = clip_limits(model, channels)
    noise = NoiseModel(
        model, placement, groups, channels, limits, per_channel=per_channel, limit=limit
    )
    factors = np.ones(len(groups.fixed))
    sets = _sets(groups, channels)
    for _ in range(_SWEEPS):
        before = factors.copy()
        for members, touched in sets:
            factors = _best(members, touched, factors, groups, noise, per_channel)
        if np.array_equal(before, factors):
            break
    apply(model, groups, factors)
    return sum(bool((factors[members] != 1).any()) for members, _ in sets)


def clip_limits(
    model: onnx.ModelProto, channels: Mapping[str, Channels]
) -> dict[str, tuple[Doubles, float]]:
    """Return per value that a Clip makes how far each channel may reach, and the limit.

    A factor lowers its channel's limit to `_HEADROOM` times the largest value seen. Whether
    that holds elsewhere is tried on half of the samples with what the other half shows;
    where they cut off more than `_LOST` of each other, every channel keeps its limit.
    """
    known = constants(model.graph)
    limits = {}
    for node in model.graph.node:
        name = node.output[0] if node.output else ""
        if node.op_type != "Clip" or name not in channels:
            continue
        if len(node.input) < 3 or node.input[2] not in known:
            continue
        limit = float(values_of(known[node.input[2]]).item())
        highs = channels[name].highs
        reach = room_below(highs, limit)
        kept = len(highs) > 1 and _lost(highs, limit) < _LOST
        limits[name] = (reach if kept else np.full_like(reach, limit), limit)
    return limits


def room_below(highs: Doubles, limit: float) -> Doubles:
    """Return how far each channel may reach, given its largest values by sample."""
    reach = np.minimum(_HEADROOM * highs.max(axis=0), limit)
    # what hardly ever fires here may fire elsewhere
    return np.where(reach * _LARGEST_CAPPED < limit, limit, reach)


def _lost(highs: Doubles, limit: float) -> float:
    """Return the worse share of energy that either half's reach cuts off the other half."""
    halves = ((highs[::2], highs[1::2]), (highs[1::2], highs[::2]))
    return max(
        float((np.maximum(other - room_below(one, limit), 0) ** 2).sum())
        / max(float((other**2).sum()), _TINY)
        for one, other in halves
    )


def apply(model: onnx.ModelProto, groups: ChannelGroups, factors: Doubles) -> None:
    """Multiply the channels of each group by its factor, in the weights around it."""
    known = constants(model.graph)
    for node in model.graph.node:
        if not groups.absorbs(node):
            continue
        into, out = groups.factors_of(node, factors)
        if (into == 1).all() and (out == 1).all():
            continue
        weight = values_of(known[node.input[1]]).astype(np.float64) * out / into
        known[node.input[1]].CopyFrom(_stored(weight, node.input[1]))
        if len(node.input) > 2 and node.input[2]:
            bias = values_of(known[node.input[2]]).astype(np.float64)
            known[node.input[2]].CopyFrom(_stored(bias * out.reshape(-1), node.input[2]))


def _stored(values: Doubles, name: str) -> onnx.TensorProto:
    return numpy_helper.from_array(values.astype(np.float32), name)


def _best(
    members: Numbers,
    touched: list[str],
    factors: Doubles,
    groups: ChannelGroups,
    noise: NoiseModel,
    per_channel: bool,
) -> Doubles:
    """Return the factors with those of ``members`` chosen anew."""
    best, least = factors, noise.total(touched, factors) * (1 - 1e-3)
    for candidate in _candidates(members, factors, groups, noise, per_channel):
        loss = noise.total(touched, candidate)
        if loss < least:
            best, least = candidate, loss
    return best


def _candidates(
    members: Numbers,
    factors: Doubles,
    groups: ChannelGroups,
    noise: NoiseModel,
    per_channel: bool,
) -> Iterator[Doubles]:
    every = noise.use[members]
    balance = np.ones(len(members)) if per_channel else noise.balance(members, factors)
    for by_weight in (0.0,) if per_channel else _WEIGHT_POWERS:
        for by_range, outlier in product(_ACTIVATION_POWERS, _OUTLIERS):
            # a few channels far above the others come down to the others' first
            use = np.minimum(every, outlier * np.median(every))
            wanted = use / every * use**-by_range * balance**by_weight
            wanted = wanted / (wanted[np.argmax(every)] or 1.0)
            wanted = np.clip(wanted, 1 / LARGEST, LARGEST)
            capped = np.clip(wanted, 1.0, np.maximum(1.0, 1.0 / every))
            candidate = factors.copy()
            candidate[members] = np.where(groups.capped[members], capped, wanted)
            yield candidate


def _sets(
    groups: ChannelGroups, channels: Mapping[str, Channels]
) -> list[tuple[Numbers, list[str]]]:
    """Return the sets of groups that share values, with the values' names, in order."""
    sets: list[tuple[set[int], list[str]]] = []
    for name in channels:
        own = {int(group) for group in groups.values[name] if not groups.fixed[group]}
        joined = [entry for entry in sets if entry[0] & own]
        merged: tuple[set[int], list[str]] = (own.union(*(entry[0] for entry in joined)), [])
        for entry in joined:
            merged[1].extend(entry[1])
            sets.remove(entry)
        merged[1].append(name)
        sets.append(merged)
    return [(np.array(sorted(own), np.int64), names) for own, names in sets if own]
