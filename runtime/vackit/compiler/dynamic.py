# SPDX-License-Identifier: Apache-2.0
"""Inputs and outputs whose sizes may vary between a smallest and a largest shape.

The two shapes travel with the value itself, in its metadata, while the model is compiled:
whatever runs the model on the way finds sizes there that it really takes.
"""

import json

import onnx

from vackit.compiler.graph import copy_model, set_shape, shape_of

_KEY = "vackit.range"
Sizes = tuple[int, ...]


def set_range(value: onnx.ValueInfoProto, smallest: Sizes, largest: Sizes) -> None:
    """Let the axes of ``value`` vary in which the two shapes differ.

    Args:
        value: Changed in place: such an axis gets a symbolic name; a symbolic batch stays.
        smallest: The shape of one sample, batch included.
        largest: Likewise; an axis of 0 has no upper bound.
    """
    old = shape_of(value) or smallest
    axes = [
        (old[axis] if axis == 0 and isinstance(old[0], str) else f"{value.name}_{axis}")
        if low != high or (axis == 0 and isinstance(old[0], str))
        else low
        for axis, (low, high) in enumerate(zip(smallest, largest, strict=True))
    ]
    set_shape(value, tuple(axes))
    for entry in value.metadata_props:
        if entry.key == _KEY:
            entry.value = json.dumps([smallest, largest])
            return
    value.metadata_props.add(key=_KEY, value=json.dumps([smallest, largest]))


def range_of(value: onnx.ValueInfoProto) -> tuple[Sizes, Sizes] | None:
    """Return the smallest and the largest shape of a value that varies; None of others."""
    for entry in value.metadata_props:
        if entry.key == _KEY:
            smallest, largest = json.loads(entry.value)
            return tuple(smallest), tuple(largest)
    return None


def is_dynamic(graph: onnx.GraphProto) -> bool:
    """Tell whether an axis of any input but the batch varies."""
    return any(range_of(value) for value in graph.input)


def at_largest(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a copy whose inputs are fixed to their largest sizes (the batch stays as it is)."""
    fixed = copy_model(model)
    for value in fixed.graph.input:
        if range_of(value):
            batch = (shape_of(value) or (1,))[0]
            set_shape(value, (batch, *example_sizes(value, 0)[1:]))
    return fixed


def example_sizes(value: onnx.ValueInfoProto, number: int) -> Sizes:
    """Return sizes that an input takes: its own, or of its range by ``number``.

    0: the largest; 1: the smallest; 2: smallest and largest axis by axis in turn, which
    tells height from width; then again. An axis without upper bound counts as twice its
    smallest size; the batch as 1.
    """
    bounds = range_of(value)
    if bounds is None:
        return tuple(size if isinstance(size, int) else 1 for size in shape_of(value) or ())
    smallest, largest = bounds
    ends = [(low, high or 2 * low) for low, high in zip(smallest, largest, strict=True)]
    if number % 3 == 2:
        varying = [axis for axis, (low, high) in enumerate(ends) if low != high]
        return tuple(pair[axis in varying[1::2]] for axis, pair in enumerate(ends))
    return tuple(pair[number % 3 == 0] for pair in ends)


def uneven_sizes(value: onnx.ValueInfoProto, number: int = 0) -> Sizes:
    """Return sizes inside an input's range that few strides divide: the largest less one.

    Not every model takes them. ``number`` is there for what also takes `example_sizes`.
    """
    bounds = range_of(value)
    sizes = example_sizes(value, number if bounds is None else 0)
    if bounds is None:
        return sizes
    return tuple(max(low, size - 1) for low, size in zip(bounds[0], sizes, strict=True))
