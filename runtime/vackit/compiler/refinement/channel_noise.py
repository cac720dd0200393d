# SPDX-License-Identifier: Apache-2.0
"""Predict what quantization loses at each convolution when its channels are scaled.

A rounding error is taken as uniform over one step and independent of all others: its
variance is step^2 / 12 (Widrow & Kollár 2008, Quantization Noise, section 4). The bias is
corrected afterwards, so that only the variance of the inputs multiplies a weight's error.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.graph import constants, values_of
from vackit.compiler.placement import Placement
from vackit.compiler.quantize import ACTIVATION_MAX, WEIGHT_MAX
from vackit.compiler.refinement.channel_groups import ChannelGroups
from vackit.compiler.refinement.walk import Arrays, extract
from vackit.compiler.running import open_session, run

Doubles = NDArray[np.float64]
Numbers = NDArray[np.int64]

_TINY = 1e-30


@dataclass(frozen=True)
class Channels:
    """What each channel of a value is like over the samples, shape (channels,) each.

    Attributes:
        low: Smallest element.
        high: Largest element.
        highs: The largest element by sample, shape (samples, channels).
        variance: Variance.
    """

    low: Doubles
    high: Doubles
    highs: Doubles
    variance: Doubles


def measure_channels(
    model: onnx.ModelProto, names: Sequence[str], samples: Iterable[Arrays], where: object
) -> dict[str, Channels]:
    """Return the extremes and the variance of the channels of each value."""
    types = {value.name: value.type.tensor_type.elem_type for value in model.graph.input}
    inner = [name for name in names if name not in types]
    session = open_session(extract(model, list(types), inner, types), where) if inner else None
    read = [one.name for one in session.get_inputs()] if session else []
    lows: dict[str, list[Doubles]] = {name: [] for name in names}
    highs: dict[str, list[Doubles]] = {name: [] for name in names}
    sums: dict[str, list[tuple[Doubles, Doubles]]] = {name: [] for name in names}
    for sample in samples:
        made = run(session, {name: sample[name] for name in read}, where) if session else {}
        for name in names:
            values = made.pop(name) if name in made else sample[name]
            low, high, mean, square = _of_channels(values)
            lows[name].append(low)
            highs[name].append(high)
            sums[name].append((mean, square))
    result = {}
    for name in names:
        mean, square = np.mean(sums[name], axis=0)
        result[name] = Channels(
            np.min(lows[name], axis=0),
            np.max(highs[name], axis=0),
            np.stack(highs[name]),
            np.maximum(square - mean**2, 0),
        )
    return result


def _of_channels(values: NDArray[Any]) -> tuple[Doubles, Doubles, Doubles, Doubles]:
    """Return the extremes of the channels, their means and those of their squares."""
    if not values.size:  # of a detector that finds nothing in this image
        values = np.zeros((1, values.shape[1]))
    planes = np.moveaxis(values.astype(np.float64), 1, 0).reshape(values.shape[1], -1)
    low, high, mean = planes.min(axis=1), planes.max(axis=1), planes.mean(axis=1)
    return low, high, mean, np.square(planes, out=planes).mean(axis=1)


class NoiseModel:
    """The noise around each value, by the factors of its channels.

    Args:
        model: float32.
        placement: What will be quantized.
        groups: Of the model's channels.
        channels: Of every value that counts.
        limits: Per value that a Clip makes how far its channels may reach, and the limit.
        per_channel: Whether each output channel of a weight gets a scale of its own.
        limit: The largest integer weight.

    Attributes:
        use: Shape (groups,), in (0, 1]: how much of the widest channel's range each uses.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        placement: Placement,
        groups: ChannelGroups,
        channels: Mapping[str, Channels],
        limits: Mapping[str, tuple[Doubles, float]],
        *,
        per_channel: bool,
        limit: int = WEIGHT_MAX,
    ) -> None:
        known = constants(model.graph)
        self._groups, self._channels, self._per_channel = groups, channels, per_channel
        self._limit = limit
        scales = placement.groups
        self._sharing = {
            name: [other for other in channels if scales[other] == scales[name]]
            for name in channels
        }
        self._weights = {}
        self._around: dict[str, list[onnx.NodeProto]] = {}
        for node in model.graph.node:
            if groups.absorbs(node) and node.name in placement.nodes and node.input[0] in channels:
                self._weights[node.name] = values_of(known[node.input[1]]).astype(np.float64)
                for name in (node.input[0], *self._made_by(node)):
                    self._around.setdefault(name, []).append(node)
        self.use = np.full(len(groups.fixed), 1e-9)
        for name, stats in channels.items():
            reach = np.maximum(stats.high, -stats.low)
            reach, most = limits.get(name, (reach, reach.max(initial=0)))
            if most > 0:
                np.maximum.at(self.use, groups.values[name], reach / most)
        self.use[self.use < 1e-6] = 1.0  # never moves: nothing to learn from

    def _made_by(self, node: onnx.NodeProto) -> list[str]:
        """Return the measured values that hold channels of a node's output."""
        if self._per_channel:
            return []  # every output channel has its scale: its factor is free
        made = set(self._groups.values[node.output[0]].tolist())
        return [n for n in self._channels if made & set(self._groups.values[n].tolist())]

    def total(self, names: Sequence[str], factors: Doubles) -> float:
        """Return the sum of noise to signal around the values ``names``."""
        nodes = {node.name: node for name in names for node in self._around.get(name, [])}
        loss = sum(self._at_node(node, factors) for node in nodes.values())
        return loss + sum(self._at_value(n, factors) for n in names if n not in self._around)

    def balance(self, members: Numbers, factors: Doubles) -> Doubles:
        """Return per group sqrt(reach of the weights that read it / of those that make it)."""
        reading = np.full(len(factors), _TINY)
        making = np.full(len(factors), _TINY)
        mine = set(members.tolist())
        nodes = {node.name: node for around in self._around.values() for node in around}
        for node in nodes.values():
            groups_in, groups_out = (
                self._groups.values[node.input[0]],
                self._groups.values[node.output[0]],
            )
            if mine.isdisjoint(groups_in.tolist()) and mine.isdisjoint(groups_out.tolist()):
                continue
            into, out = self._groups.factors_of(node, factors)
            weight = np.abs(self._weights[node.name] * out / into)
            weight = weight / max(weight.max(initial=0), _TINY)
            rows, columns = self._groups.reach_of(node, weight)
            np.maximum.at(making, groups_out, rows)
            np.maximum.at(reading, groups_in, columns)
        known = (reading[members] > _TINY) & (making[members] > _TINY)
        ratio = np.sqrt(reading[members] / making[members]) * factors[members]
        return np.where(known, ratio, 1.0)

    def _step(self, name: str, factors: Doubles) -> float:
        low = high = 0.0
        for sharing in self._sharing[name]:
            stats, own = self._channels[sharing], factors[self._groups.values[sharing]]
            low = (stats.low * own).min(initial=low)
            high = (stats.high * own).max(initial=high)
        return float(max(high - low, _TINY) / ACTIVATION_MAX)

    def _at_value(self, name: str, factors: Doubles) -> float:
        own = factors[self._groups.values[name]]
        noise = (self._step(name, factors) / own) ** 2 / 12
        return float(noise.sum() / max(self._channels[name].variance.sum(), _TINY))

    def _at_node(self, node: onnx.NodeProto, factors: Doubles) -> float:
        """Return noise to signal at a node's output, over all of its channels."""
        into, out = self._groups.factors_of(node, factors)
        original = self._weights[node.name]
        # in place: a classifier's weights are among the largest arrays of a build
        weight = original * out
        weight /= into
        reach = self._groups.reach_of(node, np.abs(weight))[0]
        steps = np.maximum(reach if self._per_channel else reach.max(), _TINY) / self._limit
        steps = np.broadcast_to(steps, (out.size,)).reshape(out.shape)
        wrong = weight / steps
        np.rint(wrong, out=wrong)
        wrong *= steps
        np.subtract(weight, wrong, out=wrong)
        variance = self._groups.spread(node, self._channels[node.input[0]].variance)
        wrong *= into
        wrong /= out
        by_weight = np.square(wrong, out=wrong)
        by_weight *= variance
        by_input = weight
        by_input /= out
        by_input *= self._step(node.input[0], factors)
        np.square(by_input, out=by_input)
        by_input /= 12
        noise = by_weight.sum() + by_input.sum()
        signal = np.square(original, out=by_input)
        signal *= variance
        return float(noise / max(signal.sum(), _TINY))
