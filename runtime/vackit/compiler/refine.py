# SPDX-License-Identifier: Apache-2.0
"""What is done to a model before and after it is quantized so that it loses less."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx

from vackit.compiler.calibration.images import CalibrationSet
from vackit.compiler.equalize import equalize
from vackit.compiler.graph import add_constant, constants
from vackit.compiler.placement import Placement
from vackit.compiler.qdq import Scales, channel_axis
from vackit.compiler.reconstruct import reconstruct
from vackit.compiler.walk import Arrays, samples_that_fit

# more add little: the second moments get their windows from positions too
MOST_SAMPLES = 64


class Refinement:
    """Both halves, on the same samples: some of the calibration set, evenly spread.

    Attributes:
        record: What was done, for the manifest.
    """

    def __init__(self, model: onnx.ModelProto, images: CalibrationSet, where: object) -> None:
        count = min(MOST_SAMPLES, samples_that_fit(model), len(images))
        self._samples = [_sample(images, i * len(images) // count) for i in range(count)]
        self._where = where
        self.record: dict[str, Any] = {"samples": count}

    def before(self, model: onnx.ModelProto, placement: Placement, *, per_channel: bool) -> None:
        """Change the float model in place; its outputs stay."""
        _give_biases(model, placement)
        self.record["equalized_sets"] = equalize(
            model, placement, self._samples, self._where, per_channel=per_channel
        )

    def after(
        self, twin: onnx.ModelProto, model: onnx.ModelProto, placement: Placement, scales: Scales
    ) -> None:
        """Fit the integer weights and biases of ``model`` to the float ``twin``."""
        self.record |= reconstruct(twin, model, placement, scales, self._samples, self._where)


def _sample(images: CalibrationSet, index: int) -> Arrays:
    _, feeds = next(images.starting_at(index))
    return {name: np.asarray(array) for name, array in feeds.items()}


def _give_biases(model: onnx.ModelProto, placement: Placement) -> None:
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
