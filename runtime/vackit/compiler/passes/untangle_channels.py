# SPDX-License-Identifier: Apache-2.0
"""Do away with channel shuffles and splits."""

from typing import ClassVar

import onnx

from vackit.compiler.layout.arrange import by_first_use
from vackit.compiler.layout.relay import ADDED, relay, unfit
from vackit.compiler.passes.base import Pass


class UntangleChannels(Pass):
    """Leave every branch's output where it lies and let the next convolution find it.

    Split, Slice, Gather, Concat and the transpositions of a channel shuffle become slices
    of the branches; the permutation goes into the weights of the readers, and each branch's
    channels are ordered by who reads them first. Changes no sum but for the order of its
    terms. Where anything reads channels by their place, the nodes before it stay as they
    were, whole.

    Source: the channel shuffle of Ma et al. 2018, arXiv:1807.11164, section 3.2, is a fixed
    permutation; so it commutes into the weights of a convolution.
    """

    name: ClassVar[str] = "untangle_channels"
    adds: ClassVar[frozenset[str]] = ADDED

    def precondition(self, model: onnx.ModelProto) -> str:
        """Say what the opset lacks."""
        return unfit(model)

    def apply(self, model: onnx.ModelProto) -> int:
        """Untangle; return how many orders and reads changed."""
        if not any(node.op_type in ("Split", "Slice", "Gather") for node in model.graph.node):
            return 0
        return relay(model, by_first_use)
