# SPDX-License-Identifier: Apache-2.0
"""Fit each node's integer weights and bias to what the float network computes there.

The nodes are visited in order with samples that have come through the quantized nodes
before them. A node's weights are made to expect its inputs' errors
(`vackit.compiler.refinement.denoise`) and rounded so that their own cancel over the samples
(`vackit.compiler.refinement.rounding`); its bias then takes up whatever shift of the mean is left,
that of its inputs included.

Source of the correction of the bias: Nagel et al. 2019, arXiv:1906.04721, section 4.2,
and for taking it from samples appendix D.
"""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from vackit.compiler.graph import constants, producers, values_of
from vackit.compiler.memory import give_back
from vackit.compiler.placement import WEIGHTED, Placement
from vackit.compiler.qdq import CODES, Scales, channel_axis
from vackit.compiler.quantize import BIAS_MAX, WEIGHT_MAX, ActivationScale, quantize_bias
from vackit.compiler.refinement.choices import chosen_values
from vackit.compiler.refinement.denoise import denoised
from vackit.compiler.refinement.moments import Moments, MomentSums
from vackit.compiler.refinement.rounding import clipped_scale, round_compensated, to_steps
from vackit.compiler.refinement.walk import Samples, Walk

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Rows:
    """A node's float weights, one row per output, shape (outputs, window), and its bias."""

    weight: Doubles
    bias: Doubles


def reconstruct(
    twin: onnx.ModelProto,
    model: onnx.ModelProto,
    placement: Placement,
    scales: Scales,
    samples: Samples,
    where: object,
    limit: int = WEIGHT_MAX,
) -> dict[str, int]:
    """Change weights and biases of a quantized model in place.

    Args:
        twin: The float graph that ``model`` was made of.
        model: From `vackit.compiler.qdq.insert_qdq`.
        placement: As given to it.
        scales: As given to it.
        samples: Batches of one, by input name.
        where: What to name in errors.
        limit: The largest integer weight.

    What reads rows that the network itself has chosen stays as it is.

    Returns:
        How many nodes got a corrected bias, and how many compensated weights.
    """
    names = {name: name + CODES for name in placement.groups}
    walk = Walk(twin, model, names, where)
    chosen = chosen_values(twin.graph, placement.nodes)
    nodes = [
        node
        for node in twin.graph.node
        if _fits(node, twin.graph, placement) and node.input[0] not in chosen
    ]
    known = constants(twin.graph)
    target = _Target(model, limit)
    compensated = 0
    for node in walk.stops(nodes, samples):
        shape, scale = tuple(known[node.input[1]].dims), scales[node.input[0]]
        moments = _moments(walk, node, shape, scale, names)
        compensated += has_rank(moments)
        rows = _rows(node, known)
        wanted = denoised(rows.weight, moments) if has_rank(moments) else rows.weight
        # they are large, and rounding needs room
        moments = dataclasses.replace(moments, halves=())
        give_back()
        target.refit(node, rows, wanted, moments, scale.scale)
        del moments
        give_back()
    return {"corrected_biases": len(nodes), "compensated_weights": compensated}


def _moments(
    walk: Walk,
    node: onnx.NodeProto,
    shape: tuple[int, ...],
    scale: ActivationScale,
    names: Mapping[str, str],
) -> Moments:
    sums = MomentSums(node, shape)
    name = node.input[0]
    for floats, integers in zip(walk.floats, walk.integers, strict=True):
        steps = integers[names[name]].astype(np.float64)
        steps -= scale.zero_point
        unrounded = floats[name].astype(np.float64)
        unrounded /= scale.scale
        sums.add(steps, unrounded)
    return sums.moments()


class _Target:
    def __init__(self, model: onnx.ModelProto, limit: int) -> None:
        self._limit = limit
        self._known = constants(model.graph)
        self._makers = producers(model.graph)
        self._nodes = {node.name: node for node in model.graph.node}

    def refit(
        self,
        node: onnx.NodeProto,
        rows: Rows,
        wanted: Doubles,
        moments: Moments,
        input_scale: float,
    ) -> None:
        """Store the integers that come closest to ``wanted``, and a bias for ``rows``."""
        values, steps, _ = self._makers[self._nodes[node.name].input[1]].input
        scale = _scale(
            Rows(wanted, rows.bias),
            values_of(self._known[steps]),
            moments,
            input_scale,
            self._limit,
        )
        self._set(steps, scale)
        every = np.broadcast_to(scale, (len(wanted),)).astype(np.float64)
        rounded = _rounded(wanted, every, moments, self._limit)
        axis, shape = channel_axis(node), list(self._known[values].dims)
        shape.insert(0, shape.pop(axis))
        integers = np.moveaxis(rounded.reshape(shape), 0, axis).astype(np.int8)
        self._set(values, integers)
        shift = settled_shift(
            _products(rows.weight, moments.float)
            - _products(rounded * every[:, np.newaxis], moments.quantized)
        )
        bias = (rows.bias + input_scale * shift).astype(np.float32)
        values, steps, _ = self._makers[self._nodes[node.name].input[2]].input
        self._set(steps, scale * np.float32(input_scale))
        self._set(values, quantize_bias(bias, scale * np.float32(input_scale)))

    def _set(self, name: str, values: NDArray[Any]) -> None:
        array = np.asarray(values, order="C")
        self._known[name].CopyFrom(numpy_helper.from_array(array, name))


def _scale(
    rows: Rows, scale: NDArray[np.float32], moments: Moments, input_scale: float, limit: int
) -> NDArray[np.float32]:
    """Return the weight's scale, with room for the bias and what may be added to it."""
    repeats = len(rows.weight) // len(moments.variance)
    variance = np.repeat(moments.variance, repeats, axis=0)
    chosen = clipped_scale(rows.weight, scale.astype(np.float64), variance, limit)
    mean = np.abs(_products(rows.weight, moments.float)).max(axis=0) * input_scale
    sums = 2 * (np.abs(rows.bias) + mean)
    floor = (sums if scale.ndim else sums.max(initial=0.0)) / (input_scale * BIAS_MAX)
    return np.asarray(np.maximum(chosen, floor), np.float32)


def _rounded(weight: Doubles, scale: Doubles, moments: Moments, limit: int) -> Doubles:
    groups = moments.quantized.shape[1]
    if moments.covariance is None or not has_rank(moments):
        return to_steps(weight, scale[:, np.newaxis], limit)
    parts = zip(np.split(weight, groups), np.split(scale, groups), moments.covariance, strict=True)
    return np.concatenate([round_compensated(*part, limit) for part in parts])


def has_rank(moments: Moments) -> bool:
    """Tell whether the second moments say more than noise: windows are twice the weights."""
    window = moments.quantized.shape[2]
    return moments.covariance is not None and moments.count >= 2 * window


def settled_shift(shifts: Doubles) -> Doubles:
    """Return the mean over samples, shrunk by what chance alone would make of it.

    Args:
        shifts: Shape (samples, outputs).

    Returns:
        Shape (outputs,): mean x max(0, 1 - variance of the mean / mean^2), the positive-part
        James-Stein rule for each output by itself.
    """
    mean = shifts.mean(axis=0)
    if len(shifts) < 2:
        return np.zeros_like(mean)
    noise = shifts.var(axis=0, ddof=1) / len(shifts)
    square = mean**2
    share = np.divide(noise, square, out=np.ones_like(mean), where=noise < square)
    return np.asarray(mean * (1.0 - share))


def _products(weight: Doubles, means: Doubles) -> Doubles:
    """Return weight x mean by sample, each group of outputs with its own window."""
    parts = np.split(weight, means.shape[1])
    return np.concatenate([means[:, group] @ part.T for group, part in enumerate(parts)], axis=1)


def _rows(node: onnx.NodeProto, known: Mapping[str, onnx.TensorProto]) -> Rows:
    weight = np.moveaxis(values_of(known[node.input[1]]), channel_axis(node), 0)
    bias = values_of(known[node.input[2]])
    return Rows(weight.reshape(len(weight), -1).astype(np.float64), bias.astype(np.float64))


def _fits(node: onnx.NodeProto, graph: onnx.GraphProto, placement: Placement) -> bool:
    """Tell whether a node can be fitted: integer, two-dimensional, weights of its own."""
    if node.name not in placement.nodes or node.op_type not in WEIGHTED - {"MatMul"}:
        return False
    if len(node.input) < 3 or not node.input[2]:
        return False
    shares = sum(name in other.input for other in graph.node for name in node.input[1:])
    rank = len(constants(graph)[node.input[1]].dims)
    return shares == 2 and rank == (4 if node.op_type == "Conv" else 2)
