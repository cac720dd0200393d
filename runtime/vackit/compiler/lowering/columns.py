# SPDX-License-Identifier: Apache-2.0
"""Convolutions of folded pixels as convolutions of folded rows, and back.

A kernel that reaches over three columns touches two of folded pixels, four in all. With its
columns left as they are it steps over two of them at a time and multiplies no zeros. Of a
pixel's channels ONNX Runtime copies runs: eight bytes, two rows of four channels, are a better
run than six, so that three channels are gathered as four.
"""

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper

from vackit.compiler.graph import attribute, values_of

BLOCK = 2
"""Rows, and columns, that are folded into one."""


def gathered(channels: int) -> int:
    """Return how many channels are gathered of an image, the last of them unread."""
    return 4 if channels == 3 else channels


def unfold_columns(conv: onnx.NodeProto, tensor: onnx.TensorProto) -> None:
    """Let a Conv read columns as they are, its channels being (gathered channel, row).

    Args:
        conv: Reads pixels folded by SpaceToDepth, channels (row, column, channel), in strides
            of one.
        tensor: Its weights, (outs, channels, height, width), in integers.
    """
    weight = values_of(tensor)
    outs, ins, height, width = weight.shape
    channels = ins // BLOCK**2
    split = weight.reshape(outs, BLOCK, BLOCK, channels, height, width)
    spread = np.zeros((outs, gathered(channels), BLOCK, height, width, BLOCK), weight.dtype)
    spread[:, :channels] = split.transpose(0, 3, 1, 4, 5, 2)
    spread = spread.reshape(outs, -1, height, BLOCK * width)
    above, before, below, behind = attribute(conv, "pads", [0] * 4)
    # a column of zeros at either end need not be read; one behind only adds to what is left over
    first = int(before > 0 and not spread[..., 0].any())
    last = BLOCK * width - int(width > 1 and not spread[..., -1].any())
    _store(tensor, spread[..., first:last])
    pads = [above, BLOCK * before - first, below, BLOCK * behind]
    _set(conv, kernel_shape=[height, last - first], strides=[1, BLOCK], pads=pads)


def fold_columns(conv: onnx.NodeProto, tensor: onnx.TensorProto, channels: int) -> None:
    """Undo `unfold_columns`; the image has so many ``channels``."""
    weight: NDArray[np.int8] = values_of(tensor)
    above, before, below, behind = attribute(conv, "pads")
    first = before % BLOCK
    last = (weight.shape[-1] + first) % BLOCK
    weight = np.pad(weight, [(0, 0)] * 3 + [(first, last)])
    outs, _, height, width = weight.shape
    split = weight.reshape(outs, -1, BLOCK, height, width // BLOCK, BLOCK)[:, :channels]
    _store(tensor, split.transpose(0, 2, 5, 1, 3, 4).reshape(outs, -1, height, width // BLOCK))
    pads = [above, (before + first) // BLOCK, below, behind // BLOCK]
    _set(conv, kernel_shape=[height, width // BLOCK], strides=[1, 1], pads=pads)


def _store(tensor: onnx.TensorProto, values: NDArray[np.int8]) -> None:
    tensor.CopyFrom(numpy_helper.from_array(np.ascontiguousarray(values), tensor.name))


def _set(conv: onnx.NodeProto, **attributes: list[int]) -> None:
    kept = [one for one in conv.attribute if one.name not in attributes]
    del conv.attribute[:]
    conv.attribute.extend(kept)
    conv.attribute.extend(helper.make_attribute(name, value) for name, value in attributes.items())
