# SPDX-License-Identifier: Apache-2.0
"""What one block alone in integers does to the network's outputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from vackit.compiler.explain.blocks import Block
from vackit.compiler.explain.graphs import Part, alone_graph
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.sessions import Arrays, Runner
from vackit.compiler.explain.twins import Twins

Feeds = Mapping[str, NDArray[Any]]


class Sensitivity:
    """Measures one block after another on the same few images.

    Args:
        twins: The graphs.
        samples: Kept in memory, and so are the float twin's outputs for them.
    """

    def __init__(self, twins: Twins, samples: Sequence[Feeds]) -> None:
        self._twins = twins
        self._samples = samples
        exact = Runner(twins.floating, twins.where)
        self._exact: list[Arrays] = [exact(feeds) for feeds in samples]

    def of(self, block: Block, part: Part = "all") -> Noise:
        """Return the noise at the outputs with only this block, or a part of it, in integers.

        Each output counts by its noise relative to its signal, whatever its size.
        """
        runner = Runner(alone_graph(self._twins, block, part), self._twins.where)
        sums = {name: Noise() for name in self._exact[0]}
        for feeds, exact in zip(self._samples, self._exact, strict=True):
            for name, got in runner(feeds).items():
                sums[name].add(exact[name], got)
        return together(list(sums.values()))


def together(noises: Sequence[Noise]) -> Noise:
    """Return the noise of several values as one, each with a signal of 1."""
    total = Noise()
    for noise in noises:
        size = noise.wanted or 1.0
        total.wanted += noise.wanted / size
        total.got += noise.got / size
        total.apart += noise.apart / size
    return total
