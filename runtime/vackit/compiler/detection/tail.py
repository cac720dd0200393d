# SPDX-License-Identifier: Apache-2.0
"""Append nodes behind a graph: every call returns the name of the value that it makes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import helper, numpy_helper

from vackit.compiler.graph import taken_names

# past the end of any axis, for Slice
END = 2**62


class Tail:
    """Writes opset 13 or newer nodes at the end of ``graph``.

    Args:
        graph: Changed in place.
        prefix: Of all new names.
    """

    def __init__(self, graph: onnx.GraphProto, prefix: str) -> None:
        self._graph = graph
        self._prefix = prefix
        self._taken = taken_names(graph)
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def __call__(self, op_type: str, *inputs: str, **attributes: Any) -> str:
        """Append a node of one output."""
        return self.many(op_type, inputs, 1, **attributes)[0]

    def many(
        self, op_type: str, inputs: Sequence[str], num_outputs: int, **attributes: Any
    ) -> list[str]:
        """Append a node of several outputs."""
        name = self.fresh(f"{self._prefix}/{op_type}")
        outputs = [name, *(self.fresh(f"{name}:{i}") for i in range(1, num_outputs))]
        self._graph.node.append(helper.make_node(op_type, inputs, outputs, name=name, **attributes))
        return outputs

    def fresh(self, base: str) -> str:
        """Return ``base``, or with a number behind it where it is taken, and take it."""
        name, number = base, 0
        while name in self._taken:
            number += 1
            name = f"{base}_{number}"
        self._taken.add(name)
        return name

    def floats(self, values: ArrayLike) -> str:
        """Return a float32 constant."""
        return self._constant(np.asarray(values, np.float32))

    def ints(self, values: ArrayLike) -> str:
        """Return an int64 constant."""
        return self._constant(np.asarray(values, np.int64))

    def _constant(self, values: Any) -> str:
        key = (values.dtype.str, values.shape, values.tobytes())
        if key not in self._constants:
            name = self.fresh(f"{self._prefix}/constant")
            self._graph.initializer.append(numpy_helper.from_array(values, name))
            self._constants[key] = name
        return self._constants[key]

    def reshape(self, value: str, *sizes: int) -> str:
        """Append a Reshape; 0 keeps an axis, -1 takes what is left."""
        return self("Reshape", value, self.ints(sizes))

    def slice(self, value: str, start: int, end: int, axis: int) -> str:
        """Append a Slice over one axis."""
        return self("Slice", value, self.ints([start]), self.ints([end]), self.ints([axis]))

    def concat(self, values: Sequence[str], axis: int) -> str:
        """Append a Concat; a lone value stays as it is."""
        return values[0] if len(values) == 1 else self("Concat", *values, axis=axis)

    def swap(self, value: str) -> str:
        """Append a Transpose of the last two of three axes."""
        return self("Transpose", value, perm=[0, 2, 1])
