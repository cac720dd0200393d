# SPDX-License-Identifier: Apache-2.0
"""Take a pair of twins apart into blocks: what one integer kernel computes and rounds.

A block is a node with the activation behind it, its integer weights, and the rounding of its
result. Together the blocks hold every rounding of the integer graph, each exactly once.
Nodes that only move values about round nothing and make no block.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.explain.twins import Twins
from vackit.compiler.graph import attribute, constants, consumers, producers, values_of
from vackit.compiler.placement import ACTIVATIONS, MOVING, WEIGHTED
from vackit.compiler.qdq import CODES, channel_axis
from vackit.errors import ArtifactError

Floats = NDArray[np.float32]
INPUT = "Input"


@dataclass(frozen=True)
class Step:
    """How a value is rounded: integers from ``lowest`` to ``highest``.

    ``group`` is the name of the scale's tensor: values of one group have the same. ``read_as``
    holds the scale and zero point that the integers are read with, where they are others than
    those that they are written with; no build makes such a pair.
    """

    scale: float
    zero_point: int
    lowest: int
    highest: int
    group: str
    read_as: tuple[float, int] | None = None

    def real(self, codes: NDArray[Any]) -> Floats:
        """Return the numbers that integers are read as."""
        scale, zero_point = self.read_as or (self.scale, self.zero_point)
        apart = codes.astype(np.float32) - np.float32(zero_point)
        return np.asarray(apart * np.float32(scale), np.float32)

    @property
    def low(self) -> float:
        """Return the smallest value it represents."""
        return (self.lowest - self.zero_point) * self.scale

    @property
    def high(self) -> float:
        """Return the largest value it represents."""
        return (self.highest - self.zero_point) * self.scale


@dataclass(frozen=True)
class Weights:
    """The weights of a block as the float twin has them and as the integers stand for them.

    ``scale`` has shape () or, along ``axis``, (channels,); biases are None where there is none.
    """

    floating: Floats
    integer: Floats
    scale: Floats
    axis: int | None
    channel_axis: int
    floating_bias: Floats | None
    integer_bias: Floats | None


@dataclass(frozen=True)
class Block:
    """What one integer kernel computes.

    Attributes:
        name: Of its node; for a quantized graph input the input's.
        op_type: Of its node; `INPUT` for a graph input.
        node: In the float twin; None for a graph input.
        activation: The ReLU or Clip behind it that is computed with it.
        value: The float twin's value that it makes.
        inputs: The float twin's values that it reads, weights left out.
        step: How ``value`` is rounded; None where it stays float.
        codes: The integer graph's value of these roundings; ``value`` itself where float.
        weights: None where it has none in integers.
        readers: Names of the nodes that read the rounded value.
        is_output: The graph's output ``value`` is the rounded one.
    """

    name: str
    op_type: str
    node: onnx.NodeProto | None
    activation: onnx.NodeProto | None
    value: str
    inputs: tuple[str, ...]
    step: Step | None
    codes: str
    weights: Weights | None
    readers: tuple[str, ...]
    is_output: bool

    @property
    def kind(self) -> str:
        """Return the operator with its activation: ``Conv+Relu``."""
        return f"{self.op_type}+{self.activation.op_type}" if self.activation else self.op_type


def find_blocks(twins: Twins) -> tuple[Block, ...]:
    """Return the blocks in topological order.

    Raises:
        ArtifactError: The two graphs are not twins.
    """
    return _Finder(twins).blocks()


def find_steps(integer: onnx.GraphProto) -> dict[str, Step]:
    """Return how each value is rounded, by its name in the float twin."""
    known, readers = constants(integer), consumers(integer)

    def pair_of(node: onnx.NodeProto) -> tuple[float, int]:
        return float(values_of(known[node.input[1]])), int(values_of(known[node.input[2]]))

    steps = {}
    for node in integer.node:
        codes = node.output[0]
        if node.op_type != "QuantizeLinear" or not codes.endswith(CODES):
            continue
        limits = np.iinfo(values_of(known[node.input[2]]).dtype)
        written = pair_of(node)
        read = [pair_of(other) for other in readers.get(codes, [])]
        read_as = next((pair for pair in read if pair != written), None)
        steps[codes.removesuffix(CODES)] = Step(
            *written, int(limits.min), int(limits.max), node.input[1], read_as
        )
    return steps


class _Finder:
    def __init__(self, twins: Twins) -> None:
        self._where = twins.where
        self._graph = twins.floating.graph
        integer = twins.integer.graph
        self._constants = constants(integer)
        self._float_constants = constants(self._graph)
        self._makers = producers(integer)
        self._integer_nodes = {node.name: node for node in integer.node}
        self._integer_readers = consumers(integer)
        self._readers = consumers(self._graph)
        self._outputs = {value.name for value in self._graph.output}
        self._steps = find_steps(integer)
        self._check(twins)

    def _check(self, twins: Twins) -> None:
        known = {value.name for value in self._graph.input} | set(producers(self._graph))
        strangers = [name for name in self._steps if name not in known]
        nodes = {node.name for node in self._graph.node}
        strangers += [
            node.name
            for node in twins.integer.graph.node
            if node.op_type in WEIGHTED and node.name not in nodes
        ]
        if strangers:
            raise ArtifactError(
                f"its float twin has no '{strangers[0]}': it belongs to another build",
                where=self._where,
                hint="build the artifact again with `vamc build --force`",
            )

    def blocks(self) -> tuple[Block, ...]:
        found = [self._input(v.name) for v in self._graph.input if v.name in self._steps]
        merged: set[str] = set()
        for node in self._graph.node:
            if node.name in merged:
                continue
            activation = self._activation(node)
            if activation is not None:
                merged.add(activation.name)
            found += self._of_node(node, activation)
        return tuple(found)

    def _of_node(self, node: onnx.NodeProto, activation: onnx.NodeProto | None) -> list[Block]:
        weights = self._weights(node)
        data = [node.input[0]] if weights or node.op_type in MOVING else list(node.input)
        inputs = tuple(name for name in data if name and name not in self._float_constants)
        blocks = []
        for name in (activation or node).output:
            step = self._steps.get(name)
            rounds = step is not None and not self._only_moves(node, step)
            if weights is not None or rounds:
                blocks.append(self._block(node, activation, name, inputs, weights))
        return blocks

    def _block(
        self,
        node: onnx.NodeProto,
        activation: onnx.NodeProto | None,
        value: str,
        inputs: tuple[str, ...],
        weights: Weights | None,
    ) -> Block:
        step, rounded = self._steps.get(value), self._rounded(value)
        return Block(
            name=node.name,
            op_type=node.op_type,
            node=node,
            activation=activation,
            value=value,
            inputs=inputs,
            step=step,
            codes=value if step is None else value + CODES,
            weights=weights,
            readers=self._names_of_readers(rounded),
            is_output=value in self._outputs and rounded == value,
        )

    def _input(self, name: str) -> Block:
        readers = self._names_of_readers(self._rounded(name))
        step = self._steps[name]
        return Block(
            name, INPUT, None, None, name, (), step, name + CODES, None, readers, is_output=False
        )

    def _names_of_readers(self, rounded: str) -> tuple[str, ...]:
        return tuple(node.name for node in self._integer_readers.get(rounded, []))

    def _rounded(self, value: str) -> str:
        """Return the integer graph's float value that holds ``value`` rounded."""
        readers = self._integer_readers.get(value + CODES, [])
        return readers[0].output[0] if readers else value

    def _activation(self, node: onnx.NodeProto) -> onnx.NodeProto | None:
        """Return the activation that ``node`` is rounded behind, if there is one."""
        if node.op_type in ACTIVATIONS | MOVING or len(node.output) != 1:
            return None
        value = node.output[0]
        behind = self._readers.get(value, [])
        if value in self._steps or value in self._outputs or len(behind) != 1:
            return None
        follows = behind[0].op_type in ACTIVATIONS and behind[0].output[0] in self._steps
        return behind[0] if follows else None

    def _only_moves(self, node: onnx.NodeProto, step: Step) -> bool:
        before = self._steps.get(node.input[0]) if node.op_type in MOVING else None
        if before is None or step.read_as is not None:
            return False
        return (before.scale, before.zero_point) == (step.scale, step.zero_point)

    def _weights(self, node: onnx.NodeProto) -> Weights | None:
        twin = self._integer_nodes.get(node.name)
        if twin is None or node.op_type not in WEIGHTED or len(twin.input) < 2:
            return None
        dequantize = self._makers.get(twin.input[1])
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            return None
        if node.input[1] not in self._float_constants:
            return None
        scale = values_of(self._constants[dequantize.input[1]]).astype(np.float32)
        bias = node.input[2] if len(node.input) > 2 else ""
        integer_bias = twin.input[2] if len(twin.input) > 2 else ""
        return Weights(
            floating=values_of(self._float_constants[node.input[1]]),
            integer=self._real(twin.input[1]),
            scale=scale,
            axis=attribute(dequantize, "axis", 1) if scale.ndim else None,
            channel_axis=channel_axis(node),
            floating_bias=values_of(self._float_constants[bias]) if bias else None,
            integer_bias=self._real(integer_bias) if integer_bias else None,
        )

    def _real(self, name: str) -> Floats:
        """Return the numbers that a constant of the integer graph stands for."""
        if name in self._constants:
            return np.asarray(values_of(self._constants[name]), np.float32)
        node = self._makers[name]
        integers, scale = (values_of(self._constants[n]) for n in node.input[:2])
        zero = values_of(self._constants[node.input[2]]) if len(node.input) > 2 else np.zeros(1)
        if scale.ndim:
            shape = [1] * integers.ndim
            shape[attribute(node, "axis", 1)] = -1
            scale, zero = scale.reshape(shape), zero.reshape(shape)
        return np.asarray((integers.astype(np.float64) - zero) * scale, np.float32)
