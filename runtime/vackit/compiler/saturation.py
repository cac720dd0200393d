# SPDX-License-Identifier: Apache-2.0
"""Cut ranges where whatever reads the value no longer tells its elements apart.

A hard-swish makes 0 of everything below -3, a sigmoid nearly 1 of everything above 6: steps
spent out there are lost. The function that stands between a value and its readers is
evaluated over the measured range, however it is written, and either end is moved in as long
as the outputs stay within a fraction of what one step of the value makes of them.
"""

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper

from vackit.compiler.calibration.ranges import Ranges
from vackit.compiler.graph import constants, output_names, reads
from vackit.compiler.placement import Placement
from vackit.compiler.quantize import ACTIVATION_MAX
from vackit.compiler.running import open_session, run

Doubles = NDArray[np.float64]

ELEMENTWISE = frozenset(
    {
        *("Abs", "Add", "Clip", "Div", "Elu", "Erf", "Gelu", "HardSigmoid", "HardSwish", "Max"),
        *("Min", "Mish", "Mul", "Relu", "Selu", "Sigmoid", "Softplus", "Sub", "Tanh"),
    }
)
# of the step: rounding itself makes an error of up to a half
_TOLERANCE = 0.25
_POINTS = 4097
# of the range: less is not worth touching an end for
_WORTH = 0.01


@dataclass(frozen=True)
class Curve:
    """The nodes that make functions of one value alone, and the results others read."""

    nodes: tuple[onnx.NodeProto, ...]
    results: tuple[str, ...]


def useful_ranges(
    model: onnx.ModelProto, placement: Placement, ranges: Ranges, where: object
) -> Ranges:
    """Return ``ranges`` without the ends that no reader distinguishes; zero stays inside.

    Args:
        model: float32.
        placement: What will be quantized; values that share a scale keep their range.
        ranges: Measured (low, high) of every quantized value.
        where: What to name in errors.
    """
    groups = list(placement.groups.values())
    useful = dict(ranges)
    for name, group in placement.groups.items():
        curve = curve_of(model.graph, name) if groups.count(group) == 1 else None
        low, high = min(ranges[name][0], 0.0), max(ranges[name][1], 0.0)
        if curve is not None and high > low:
            useful[name] = _cut(_evaluate(model, name, curve, (low, high), where), low, high)
    return useful


def curve_of(graph: onnx.GraphProto, name: str) -> Curve | None:
    """Return what is made of a value, or None where something else reads it too."""
    known = constants(graph)
    inside, nodes, read = {name}, [], output_names(graph)
    for node in graph.node:
        inputs = [one for one in node.input if one]
        if inside.isdisjoint(reads(node)):
            continue
        if (
            node.op_type in ELEMENTWISE
            and not node.domain
            and all(one in inside or (one in known and _is_scalar(known[one])) for one in inputs)
        ):
            inside.update(node.output)
            nodes.append(node)
        else:
            read.update(reads(node))
        if name in read:
            return None
    results = tuple(one for node in nodes for one in node.output if one in read)
    return Curve(tuple(nodes), results) if results else None


def _is_scalar(tensor: onnx.TensorProto) -> bool:
    return int(np.prod(tensor.dims)) == 1


def _evaluate(
    model: onnx.ModelProto, name: str, curve: Curve, bounds: tuple[float, float], where: object
) -> Doubles:
    """Return the results over the range, shape (results, points)."""
    used = {one for node in curve.nodes for one in node.input}
    graph = helper.make_graph(
        list(curve.nodes),
        "curve",
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, None)],
        [helper.make_tensor_value_info(one, TensorProto.FLOAT, None) for one in curve.results],
        [tensor for tensor in model.graph.initializer if tensor.name in used],
    )
    alone = helper.make_model(graph, opset_imports=model.opset_import, ir_version=model.ir_version)
    points = np.linspace(*bounds, _POINTS).astype(np.float32)
    made = run(open_session(alone, where, threads=1), {name: points}, where)
    return np.stack([made[one].reshape(-1).astype(np.float64) for one in curve.results])


def _cut(results: Doubles, low: float, high: float) -> tuple[float, float]:
    points = np.linspace(low, high, results.shape[1])
    slopes = np.abs(np.diff(results)).max(axis=1) / (points[1] - points[0])
    first, last = 0, len(points) - 1
    # the first cut asks with the step of the whole range and goes too far: the second asks
    # with the step that is left
    for _ in range(2):
        step = (points[last] - points[first]) / ACTIVATION_MAX
        allowed = _TOLERANCE * step * slopes
        first = _flat(results, allowed, int((points <= 0).sum()))
        last = len(points) - 1 - _flat(results[:, ::-1], allowed, int((points >= 0).sum()))
    least = _WORTH * (high - low)
    return (
        float(points[first]) if points[first] - low > least else low,
        float(points[last]) if high - points[last] > least else high,
    )


def _flat(results: Doubles, allowed: Doubles, most: int) -> int:
    """Return the last of the first ``most`` points that stands for all those before it."""
    part = results[:, :most]
    above = np.maximum.accumulate(part, axis=1) - part
    below = part - np.minimum.accumulate(part, axis=1)
    same = (np.maximum(above, below) <= allowed[:, np.newaxis]).all(axis=0)
    return int(np.flatnonzero(same).max(initial=0))
