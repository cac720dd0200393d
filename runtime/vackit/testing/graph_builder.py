# SPDX-License-Identifier: Apache-2.0
"""Write ONNX graphs in code, with seeded weights: for tests and benchmarks."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper


class GraphBuilder:
    """Collects nodes and initializers; every call returns the name of the new value.

    Args:
        opset: Of the default domain.
        seed: Of the weights.
        batch_norm: Write BatchNormalization behind each convolution, as training
            frameworks export it; without it the convolution has a bias.
    """

    def __init__(self, opset: int, seed: int = 0, *, batch_norm: bool = True) -> None:
        self.opset = opset
        self.batch_norm = batch_norm
        self._random = np.random.default_rng(seed)
        self._nodes: list[onnx.NodeProto] = []
        self._initializers: list[onnx.TensorProto] = []

    def node(self, op_type: str, inputs: Sequence[str], **attributes: Any) -> str:
        """Append a node of one output."""
        return self.nodes(op_type, inputs, 1, **attributes)[0]

    def nodes(
        self, op_type: str, inputs: Sequence[str], num_outputs: int, **attributes: Any
    ) -> list[str]:
        """Append a node of several outputs."""
        stem = f"{op_type}_{len(self._nodes)}"
        outputs = [stem, *(f"{stem}_{i}" for i in range(1, num_outputs))]
        self._nodes.append(helper.make_node(op_type, inputs, outputs, name=stem, **attributes))
        return outputs

    def constant(self, values: ArrayLike, dtype: str = "int64") -> str:
        """Add an initializer."""
        name = f"const_{len(self._initializers)}"
        array = np.asarray(values, dtype)
        self._initializers.append(numpy_helper.from_array(array, name))
        return name

    def weight(self, shape: tuple[int, ...], fan_in: int, gain: float = 2.0) -> str:
        """Add a float32 initializer, normal with variance ``gain / fan_in``.

        Source: He et al. 2015, arXiv:1502.01852, eq. 10 (gain 2 before a ReLU).
        """
        values = self._random.standard_normal(shape) * np.sqrt(gain / fan_in)
        return self.constant(values, "float32")

    def conv(
        self,
        x: str,
        in_channels: int,
        out_channels: int,
        kernel: int = 1,
        stride: int = 1,
        groups: int = 1,
        pads: Sequence[int] | None = None,
        gain: float = 2.0,
    ) -> str:
        """Append a convolution, "same" padded unless ``pads`` says otherwise, and its norm."""
        shape = (out_channels, in_channels // groups, kernel, kernel)
        inputs = [x, self.weight(shape, kernel * kernel * in_channels // groups, gain)]
        if not self.batch_norm:
            inputs.append(self.constant(self._random.normal(0, 0.1, out_channels), "float32"))
        y = self.node(
            "Conv",
            inputs,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=list(pads) if pads is not None else [kernel // 2] * 4,
            group=groups,
        )
        return self._norm(y, out_channels) if self.batch_norm else y

    def _norm(self, x: str, channels: int) -> str:
        random = self._random
        parts = [
            random.uniform(0.7, 1.3, channels),
            random.normal(0, 0.1, channels),
            random.normal(0, 0.1, channels),
            random.uniform(0.7, 1.3, channels),
        ]
        names = [self.constant(part, "float32") for part in parts]
        return self.node("BatchNormalization", [x, *names], epsilon=1e-5)

    def split(self, x: str, sizes: Sequence[int], axis: int = 1) -> list[str]:
        """Append a Split, its sizes where the opset wants them."""
        if self.opset < 13:
            return self.nodes("Split", [x], len(sizes), axis=axis, split=list(sizes))
        return self.nodes("Split", [x, self.constant(sizes)], len(sizes), axis=axis)

    def slice(self, x: str, start: int, end: int, axis: int = 1) -> str:
        """Append a Slice, its bounds where the opset wants them."""
        if self.opset < 10:
            return self.node("Slice", [x], axes=[axis], starts=[start], ends=[end])
        return self.node(
            "Slice", [x, self.constant([start]), self.constant([end]), self.constant([axis])]
        )

    def unsqueeze(self, x: str, axis: int = 0) -> str:
        """Append an Unsqueeze, its axis where the opset wants it."""
        if self.opset < 13:
            return self.node("Unsqueeze", [x], axes=[axis])
        return self.node("Unsqueeze", [x, self.constant([axis])])

    def clip6(self, x: str) -> str:
        """Append ReLU6 as a Clip."""
        if self.opset < 11:
            return self.node("Clip", [x], min=0.0, max=6.0)
        bounds = [self.constant(np.array(v), "float32") for v in (0.0, 6.0)]
        return self.node("Clip", [x, *bounds])

    def mean_hw(self, x: str, axes: Sequence[int] = (2, 3), keepdims: int = 0) -> str:
        """Append a ReduceMean, its axes where the opset wants them."""
        if self.opset < 18:
            return self.node("ReduceMean", [x], axes=list(axes), keepdims=keepdims)
        return self.node("ReduceMean", [x, self.constant(axes)], keepdims=keepdims)

    def model(
        self,
        inputs: dict[str, Sequence[int | str]],
        outputs: dict[str, tuple[str, Sequence[int | str]]],
    ) -> onnx.ModelProto:
        """Return the checked model.

        Args:
            inputs: Shape by input name; strings are symbolic axes.
            outputs: By output name the value that it shows and its shape.
        """
        renamed = {value: name for name, (value, _) in outputs.items()}
        for node in self._nodes:
            for names in (node.input, node.output):
                names[:] = [renamed.get(name, name) for name in names]
        graph = helper.make_graph(
            self._nodes,
            "graph",
            [helper.make_tensor_value_info(k, TensorProto.FLOAT, v) for k, v in inputs.items()],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
                for name, (_, shape) in outputs.items()
            ],
            initializer=self._initializers,
        )
        # IR version 8 is the newest that every ONNX Runtime since 1.10 reads
        made = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8
        )
        onnx.checker.check_model(made)
        return made
