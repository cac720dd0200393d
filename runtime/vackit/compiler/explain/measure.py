# SPDX-License-Identifier: Apache-2.0
"""Run both twins over images and sum up what every block loses. Nothing is kept per image."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Block, Step
from vackit.compiler.explain.graphs import ALONE, CODES, WEIGHTS, float_graph, integer_graph
from vackit.compiler.explain.noise import ChannelNoise, Noise
from vackit.compiler.explain.samples import Sample
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.sessions import Arrays, Runner
from vackit.compiler.explain.twins import Twins

Floats = NDArray[np.float32]


@dataclass
class BlockStatistics:
    """Sums over images of one block.

    Attributes:
        single: The block alone in integers, everything before it exact.
        entire: The integer graph's value against the twin's.
        histogram: How often each integer occurs where the twin's value is rounded.
        num_saturated: Values of the twin beyond what integers represent.
        low: Smallest value of the twin.
        high: Largest value of the twin.
        channel_low: Likewise per channel (axis 1), shape (channels,).
        channel_high: Likewise.
        channels: As ``single``, channel by channel.
        by_weights: Of that what its integer weights alone make.
        by_rounding: Of that what rounding its value alone makes.
    """

    single: Noise = field(default_factory=Noise)
    entire: Noise = field(default_factory=Noise)
    histogram: NDArray[np.int64] = field(default_factory=lambda: np.zeros(256, np.int64))
    num_saturated: int = 0
    low: float = np.inf
    high: float = -np.inf
    channel_low: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    channel_high: Floats = field(default_factory=lambda: np.zeros(0, np.float32))
    channels: ChannelNoise = field(default_factory=ChannelNoise)
    by_weights: ChannelNoise = field(default_factory=ChannelNoise)
    by_rounding: ChannelNoise = field(default_factory=ChannelNoise)

    @property
    def saturated_share(self) -> float:
        """Return which part of the values integers cannot represent, 0 to 1."""
        return self.num_saturated / max(int(self.histogram.sum()), 1)

    def add_range(self, value: Floats) -> None:
        """Take in the extremes of one image's value, (channels, rest)."""
        low, high = value.min(axis=1), value.max(axis=1)
        if self.channel_low.size == 0:
            self.channel_low, self.channel_high = low, high
        self.channel_low = np.minimum(self.channel_low, low)
        self.channel_high = np.maximum(self.channel_high, high)
        self.low = min(self.low, float(low.min()))
        self.high = max(self.high, float(high.max()))

    def add_codes(self, value: Floats, codes: NDArray[Any], step: Step) -> None:
        """Take in one image's value and the integers that it is rounded to."""
        unsigned = np.ascontiguousarray(codes).ravel().astype(np.int16) - step.lowest
        self.histogram += np.bincount(unsigned, minlength=256)
        low, high = step.low - step.scale / 2, step.high + step.scale / 2
        if float(value.min()) < low or float(value.max()) > high:
            self.num_saturated += int(((value < low) | (value > high)).sum())


@dataclass(frozen=True)
class Measurement:
    """What running over the images gave.

    Attributes:
        blocks: Statistics in the order of the blocks.
        outputs: Per output of the graph its accumulated noise.
        scores: Which classes came first.
        num_images: How many images.
    """

    blocks: tuple[BlockStatistics, ...]
    outputs: dict[str, Noise]
    scores: Scores
    num_images: int


def measure(
    twins: Twins,
    blocks: Sequence[Block],
    samples: Iterable[Sample],
    labels: Mapping[str, int],
    cut: Collection[str] = (),
) -> Measurement:
    """Run the twins over ``samples``, one at a time.

    Args:
        twins: The graphs.
        blocks: Theirs.
        samples: Per image its path and a batch of one as feeds.
        labels: True class by path; empty where they are not known.
        cut: Values whose ends no reader tells apart: held against what is left of them.
    """
    floating = Runner(float_graph(twins, blocks), twins.where)
    integer = Runner(integer_graph(twins, blocks), twins.where)
    statistics = tuple(BlockStatistics() for _ in blocks)
    names = [value.name for value in twins.floating.graph.output]
    outputs = {name: Noise() for name in names}
    scores = Scores()
    for path, feeds in samples:
        wanted, got = {**floating(feeds), **feeds}, {**integer(feeds), **feeds}
        for block, sums in zip(blocks, statistics, strict=True):
            _add(sums, block, wanted, got, is_cut=block.value in cut)
        for name, noise in outputs.items():
            noise.add(wanted[name], got[name])
        scores.add(path, wanted[names[0]], got[names[0]], labels.get(path))
    return Measurement(statistics, outputs, scores, scores.num_images)


def _add(sums: BlockStatistics, block: Block, wanted: Arrays, got: Arrays, *, is_cut: bool) -> None:
    value, alone = wanted[block.value], wanted[block.value + ALONE]
    if value.size == 0:  # of a detector that finds nothing in this image
        return
    flat = _per_channel(value)
    sums.add_range(flat)
    told = np.clip(value, block.step.low, block.step.high) if is_cut and block.step else value
    sums.single.add(told, alone)
    sums.channels.add(_per_channel(told), _per_channel(alone))
    if block.weights is not None:
        sums.by_weights.add(flat, _per_channel(wanted[block.value + WEIGHTS]))
    result = got[block.codes]
    if block.step is not None:
        codes = wanted[block.value + CODES]
        sums.add_codes(value, codes, block.step)
        sums.by_rounding.add(_per_channel(told), _per_channel(block.step.real(codes)))
        result = block.step.real(result)
    sums.entire.add(told, result)


def _per_channel(value: Floats) -> Floats:
    """Return one image's value as (channels, rest).

    Channels are axis 1 of (1 or finds, channels, ...), of (1, tokens, channels) the last.
    """
    if value.ndim == 3:
        return value.reshape(-1, value.shape[-1]).T
    return np.moveaxis(value, 1, 0).reshape(value.shape[1], -1) if value.ndim > 1 else value[None]
