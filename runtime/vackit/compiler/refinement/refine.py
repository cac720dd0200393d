# SPDX-License-Identifier: Apache-2.0
"""What is done to a model before and after it is quantized so that it loses less."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.graph import add_constant, constants, inferred_shapes
from vackit.compiler.memory import give_back
from vackit.compiler.placement import Placement
from vackit.compiler.qdq import Scales, channel_axis
from vackit.compiler.quantize import WEIGHT_MAX
from vackit.compiler.refinement.center import center
from vackit.compiler.refinement.channel_noise import measure_channels
from vackit.compiler.refinement.equalize import equalize
from vackit.compiler.refinement.reconstruct import reconstruct
from vackit.compiler.refinement.walk import Arrays

# more add little: the second moments get their windows from positions too
MOST_SAMPLES = 128
# the extremes of many pictures belong to a few odd ones
MOST_EXTREMES = 64


class Refinement:
    """Both halves, on some of the calibration set, evenly spread.

    Args:
        images: The calibration set.
        where: What to name in errors.
        limit: The largest integer weight.

    Attributes:
        record: What was done, for the manifest.
    """

    def __init__(self, images: CalibrationSet, where: object, limit: int = WEIGHT_MAX) -> None:
        self._samples = SomeImages(images, MOST_SAMPLES)
        self._extremes = SomeImages(images, MOST_EXTREMES)
        self._where, self._limit = where, limit
        self.record: dict[str, Any] = {"samples": len(self._samples)}

    def before(self, model: onnx.ModelProto, placement: Placement, *, per_channel: bool) -> None:
        """Change the float model in place; its outputs stay."""
        give_biases(model, placement)
        give_back()
        shapes = inferred_shapes(model)
        names = [name for name in placement.groups if len(shapes.get(name, ())) in (2, 4)]
        measured = measure_channels(model, names, self._extremes, self._where)
        channels = center(model, measured)
        self.record["centered_values"] = sum(channels[name] is not measured[name] for name in names)
        self.record["equalized_sets"] = equalize(
            model, placement, channels, per_channel=per_channel, limit=self._limit
        )
        give_back()

    def after(
        self, twin: onnx.ModelProto, model: onnx.ModelProto, placement: Placement, scales: Scales
    ) -> None:
        """Fit the integer weights and biases of ``model`` to the float ``twin``."""
        self.record |= reconstruct(
            twin, model, placement, scales, self._samples, self._where, self._limit
        )


class SomeImages:
    """Some of a calibration set, read when they are asked for.

    They are evenly spread over the set, and so are the first few of them.
    """

    def __init__(self, images: CalibrationSet, most: int) -> None:
        self._images = images
        count = min(most, len(images))
        self._indices = [i * len(images) // count for i in _halving(count)]

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, index: int) -> Arrays:
        """Return a batch of one, by input name."""
        _, feeds = next(self._images.starting_at(self._indices[index]))
        return {name: np.asarray(array) for name, array in feeds.items()}

    def __iter__(self) -> Iterator[Arrays]:
        return (self[index] for index in range(len(self)))


def _halving(count: int) -> list[int]:
    """Return the numbers below ``count``, each new one far from those before it.

    Source: van der Corput 1935; the bits of a counter, read backwards.
    """
    bits = max(1, (count - 1).bit_length())
    reversed_ = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(1 << bits))
    return [number for number in reversed_ if number < count]


def give_biases(model: onnx.ModelProto, placement: Placement) -> None:
    """Give integer nodes a bias, which costs their kernels nothing, to be corrected."""
    known: Mapping[str, onnx.TensorProto] = constants(model.graph)
    for node in model.graph.node:
        if node.name in placement.nodes and node.op_type in ("Conv", "Gemm"):
            if len(node.input) > 2 and node.input[2]:
                continue
            size = known[node.input[1]].dims[channel_axis(node)]
            del node.input[2:]
            node.input.append(
                add_constant(model.graph, f"{node.input[1]}/bias", np.zeros(size, np.float32))
            )
