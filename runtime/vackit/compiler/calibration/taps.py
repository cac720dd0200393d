# SPDX-License-Identifier: Apache-2.0
"""Let a model itself tell the extremes and an even sample of its large values.

Writing out whole values costs as much as a network's passes: its convolutions run in a
blocked layout (NCHWc), from which every value is put in order again. Pooling and depthwise
convolutions run in that layout, so that only their small results are written out.

A thinned value is read through a depthwise convolution with stride k whose kernels, k by k,
hold a single 1: it takes one element of each block, another one from channel to channel, so
that rows and columns are met evenly. It passes on the element exactly, and NaN wherever its
block holds NaN or infinity (0 * infinity is NaN), which a maximum alone could hide.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper

from vackit.compiler.calibration.statistics import UNBOUNDED, Bounds
from vackit.compiler.graph import (
    add_constant,
    constants,
    copy_model,
    fresh_name,
    inferred_shapes,
    values_of,
)

# wider blocks write out hardly less
_LARGEST_BLOCK = 8
# elements of a value; what is smaller is written out as fast as it is thinned
_SMALLEST_THINNED = 1 << 16

Arrays = Mapping[str, NDArray[Any]]


@dataclass(frozen=True)
class Tap:
    """How one value is read from the tapped model's inputs and outputs.

    Attributes:
        source: The input or output that holds its elements, or some of them.
        shape: What to give ``source``, (-1, channels, rows, columns); None: as it comes.
        extremes: Outputs that hold its extremes; empty where ``source`` is the whole value.
        share: Elements of the value to each one in ``source``.
        bounds: What no element can exceed.
    """

    source: str
    shape: tuple[int, ...] | None = None
    extremes: tuple[str, ...] = ()
    share: int = 1
    bounds: Bounds = UNBOUNDED

    def elements(self, values: Arrays) -> NDArray[np.float32]:
        """Return the elements that are there."""
        found: NDArray[np.float32] = values[self.source]
        return found if self.shape is None else found.reshape(self.shape)


def tap(
    model: onnx.ModelProto, names: Sequence[str], samples: int
) -> tuple[onnx.ModelProto, list[Tap]]:
    """Return a copy of ``model`` that tells of ``names``, and how to read each of them.

    Args:
        model: float32; left as it is.
        names: Values of its main graph, inputs included.
        samples: Elements of a value that are wanted of an image; what is thinned keeps more.
    """
    tapped = copy_model(model)
    graph = tapped.graph
    inputs = {value.name for value in graph.input}
    bounds, shapes = bounds_of(graph), inferred_shapes(model)
    taps, blocks, outputs = [], [], list[str]()
    for name in names:
        found, nodes = Tap(name, bounds=bounds.get(name, UNBOUNDED)), list[onnx.NodeProto]()
        sizes = _image_sizes(shapes.get(name))
        if name not in inputs and sizes is not None:
            found, nodes = _tap_image(graph, found, sizes, samples)
        taps.append(found)
        blocks.append(nodes)
        outputs += [source for source in (found.source, *found.extremes) if source not in inputs]
    # ONNX Runtime runs what leads to the last of the nodes first: so each value is read as
    # soon as it is there, still in the processor's caches, and its memory is free again
    graph.node.extend(node for nodes in reversed(blocks) for node in nodes)
    _set_outputs(graph, outputs)
    return tapped, taps


def bounds_of(graph: onnx.GraphProto) -> dict[str, Bounds]:
    """Return what the results of Relu and of Clip with constant bounds cannot exceed."""
    known = constants(graph)
    bounds: dict[str, Bounds] = {}
    for node in graph.node:
        if node.op_type == "Relu":
            bounds[node.output[0]] = (0.0, UNBOUNDED[1])
        elif node.op_type == "Clip":
            ends = [known.get(name) for name in node.input[1:3]]
            if len(ends) == 2 and ends[0] is not None and ends[1] is not None:
                low, high = (float(values_of(end).item()) for end in ends if end is not None)
                bounds[node.output[0]] = (low, high)
    return bounds


def block_size(sizes: tuple[int, int, int], samples: int) -> int:
    """Return the largest k such that one element of k by k is enough; 1: write out all.

    Args:
        sizes: Channels, rows and columns; k divides rows and columns.
        samples: How many elements to keep at least.
    """
    (_, rows, columns), count = sizes, math.prod(sizes)
    fitting = (
        k
        for k in range(_LARGEST_BLOCK, 1, -1)
        if rows % k == columns % k == 0 and count // k**2 >= samples
    )
    return next(fitting, 1) if count >= _SMALLEST_THINNED else 1


def _tap_image(
    graph: onnx.GraphProto, whole: Tap, sizes: tuple[int, int, int], samples: int
) -> tuple[Tap, list[onnx.NodeProto]]:
    """Return the tap of a value of shape (batch, channels, rows, columns), and its nodes."""
    name, (channels, rows, columns) = whole.source, sizes
    nodes: list[onnx.NodeProto] = []

    def add(kind: str, inputs: Sequence[str], label: str, **attributes: Any) -> str:
        output = fresh_name(graph, f"{name}/{label}")
        nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    k = block_size(sizes, samples)
    source, extremes = name, list[str]()
    if k > 1:
        kernels = add_constant(graph, f"{name}/kernels", _kernels(channels, k))
        size = {"kernel_shape": [k, k], "strides": [k, k]}
        source = add("Conv", [name, kernels], "thinned", group=channels, **size)
        if whole.bounds[0] >= 0.0:
            # zero belongs to every range: how far above it the smallest lies is no matter
            largest = add("GlobalMaxPool", [name], "largest_of_each")
            extremes.append(add("ReduceMax", [largest], "largest", keepdims=0))
        else:
            extremes.append(add("ReduceMax", [name], "largest", keepdims=0))
            extremes.append(add("ReduceMin", [name], "smallest", keepdims=0))
    # a node of its own, behind the one that ends the blocked layout, decides the order
    output = add("Flatten", [source], "elements")
    shape = (-1, channels, rows // k, columns // k)
    return Tap(output, shape, tuple(extremes), k * k, whole.bounds), nodes


def _kernels(channels: int, k: int) -> NDArray[np.float32]:
    """Return the kernels, (channels, 1, k, k): a single 1 each, moving on evenly."""
    kernels = np.zeros((channels, k * k), np.float32)
    each = np.arange(channels)
    kernels[each, each * k * k // channels if channels < k * k else each % (k * k)] = 1.0
    return kernels.reshape(channels, 1, k, k)


def _image_sizes(shape: Sequence[int | str | None] | None) -> tuple[int, int, int] | None:
    """Return channels, rows and columns of a value with four axes, where they are known."""
    if shape is None or len(shape) != 4:
        return None
    sizes = [size for size in shape[1:] if isinstance(size, int) and size > 0]
    return (sizes[0], sizes[1], sizes[2]) if len(sizes) == 3 else None


def _set_outputs(graph: onnx.GraphProto, names: Sequence[str]) -> None:
    have = {value.name: value for value in graph.output}
    wanted = [have.get(name) or onnx.ValueInfoProto(name=name) for name in names]
    outputs = [onnx.ValueInfoProto.FromString(value.SerializeToString()) for value in wanted]
    if outputs:
        del graph.output[:]
        graph.output.extend(outputs)
