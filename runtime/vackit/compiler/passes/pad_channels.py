# SPDX-License-Identifier: Apache-2.0
"""Pad convolutions to widths that integer kernels like."""

from typing import ClassVar

import onnx

from vackit.compiler.layout.arrange import padded_to
from vackit.compiler.layout.relay import ADDED, relay, unfit
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.remove_dead import RemoveDead

# int8 kernels of x86 CPUs work on 16 channels at a time
MULTIPLE = 16
# above this the added products cost more than the odd width does
MAX_GROWTH = 0.4
# a depthwise convolution of 17 channels takes 1.8 times as long as one of 32, one of 4 twice
# as long as one of 16, and below 16 channels a dense one gains too
MOST_GROWTH = 3.0


class PadChannels(Pass):
    """Append zero channels to dense convolutions, up to a multiple of 16.

    The added channels are zero, and every reader's weights for them are zero, so no value
    changes. Leaves convolutions whose channels are read by their place (sums, outputs), and
    those that would grow by more than `MAX_GROWTH`, or, where a depthwise convolution reads
    them and below 16, `MOST_GROWTH`.

    Source: benchmarks/int8_speed.py.
    """

    name: ClassVar[str] = "pad_channels"
    removes: ClassVar[frozenset[str]] = RemoveDead.removes
    adds: ClassVar[frozenset[str]] = ADDED

    def precondition(self, model: onnx.ModelProto) -> str:
        """Say what the opset lacks."""
        return unfit(model)

    def apply(self, model: onnx.ModelProto) -> int:
        """Pad; return how many convolutions and reads changed."""
        changes = relay(model, padded_to(MULTIPLE, MAX_GROWTH, MOST_GROWTH))
        if changes:
            # a shuffle that is left behind, read by nobody, still counts on the old width
            RemoveDead().apply(model)
        return changes
