# SPDX-License-Identifier: Apache-2.0
"""Free the batch axis of a model that its exporter fixed to one sample.

Exporters write the batch into Reshape targets and Resize sizes. Here they are rewritten
to follow the input, and the result is believed only after it has been run: every row of a
batch must equal the original's run on that sample alone.
"""

import logging
import math

import numpy as np
import onnx

from vackit.compiler.batch_concat import expand_constants
from vackit.compiler.dynamic import example_sizes, is_dynamic, range_of, set_range
from vackit.compiler.graph import (
    Shape,
    add_constant,
    attribute,
    constants,
    copy_model,
    inferred_shapes,
    opset_of,
    set_nodes,
    set_shape,
    shape_of,
    values_of,
)
from vackit.compiler.running import open_session, random_feeds, run
from vackit.compiler.verify import Samples, difference

logger = logging.getLogger(__name__)

SYMBOL = "N"
# any number that no axis of a real model happens to be a multiple of
_PROBE = 1009


def free_batch(model: onnx.ModelProto, alone: Samples, where: object) -> bool:
    """Make axis 0 of all inputs and outputs symbolic where the graph allows it.

    Args:
        model: Shapes set for one sample; changed in place only on success.
        alone: From `run_alone`, on the model as it was read.
        where: What to name in errors: the model's file.

    Returns:
        Whether the batch is free. If not, the model stays fixed to one sample.
    """
    if any(not shape or shape[0] != 1 for shape in map(shape_of, model.graph.input)):
        logger.warning("%s: the batch stays fixed to 1: an input has no batch axis", where)
        return False
    candidate = copy_model(model)
    _rewrite(candidate)
    for value in candidate.graph.input:
        set_shape(value, (SYMBOL, *(shape_of(value) or ())[1:]))
    for value in candidate.graph.output:
        value.type.tensor_type.ClearField("shape")
    reason = difference(candidate, alone, where)
    if reason:
        logger.warning("%s: the batch stays fixed to 1: %s", where, reason)
        return False
    model.CopyFrom(candidate)
    return True


def set_output_shapes(model: onnx.ModelProto, where: object) -> None:
    """Give every output the shape that a run of one sample shows, or its range of shapes.

    Raises:
        ModelError: The model does not run at the ends of its inputs' ranges.
    """
    graph = model.graph
    is_free = any((shape_of(value) or (1,))[0] == SYMBOL for value in graph.input)
    session = open_session(model, where)
    for value in graph.output:
        value.type.tensor_type.ClearField("shape")
    examples = range(3) if is_dynamic(graph) else range(1)
    results = [run(session, random_feeds(graph, 1, example), where) for example in examples]
    is_bounded = all(all(bounds[1]) for bounds in map(range_of, graph.input) if bounds)
    for value in graph.output:
        shapes = [result[value.name].shape for result in results]
        shape: Shape = shapes[0]
        set_shape(value, (SYMBOL, *shape[1:]) if is_free else shape)
        if len(set(shapes)) > 1:
            smallest = tuple(min(sizes) for sizes in zip(*shapes, strict=True))
            largest = tuple(max(sizes) for sizes in zip(*shapes, strict=True))
            if not is_bounded:
                pairs = zip(smallest, largest, strict=True)
                largest = tuple(high if low == high else 0 for low, high in pairs)
            set_range(value, smallest, largest)


def _rewrite(model: onnx.ModelProto) -> None:
    """Let the constants of Reshape, Resize and Concat follow the batch.

    Each round corrects the first node whose output loses the batch; those behind it are
    only then seen with the shapes they will have.
    """
    probe = copy_model(model)
    for value in probe.graph.output:
        value.type.tensor_type.ClearField("shape")
    for value in probe.graph.input:
        set_shape(value, example_sizes(value, 0))
    alone = inferred_shapes(probe)
    for value in probe.graph.input:
        set_shape(value, (_PROBE, *(shape_of(value) or ())[1:]))
    varies = is_dynamic(model.graph)
    done: set[str] = set()
    while True:
        batched = inferred_shapes(probe)
        for node in probe.graph.node:
            if node.name not in done and (
                _correct(probe.graph, node, alone, batched, varies=varies)
                or expand_constants(probe.graph, node, batched, _PROBE, opset_of(model))
            ):
                done.add(node.name)
                break
        else:
            break
    set_nodes(model.graph, list(probe.graph.node))
    added = [t for t in probe.graph.initializer if t.name not in constants(model.graph)]
    model.graph.initializer.extend(added)


def _correct(
    graph: onnx.GraphProto,
    node: onnx.NodeProto,
    alone: dict[str, Shape],
    batched: dict[str, Shape],
    *,
    varies: bool,
) -> bool:
    if node.op_type != "Reshape" and (node.op_type != "Resize" or varies):
        return False
    before, after = _sizes(alone, node.input[0]), _sizes(alone, node.output[0])
    now, result = _sizes(batched, node.input[0]), _sizes(batched, node.output[0])
    if before is None or after is None or now is None:
        return False
    axis = _batch_axis(before, now)
    if axis is None:
        return False
    if node.op_type == "Resize":
        return _correct_resize(graph, node, before, after)
    target = _axis_with_stride(after, math.prod(before[axis:]))
    if target is None:
        return False
    wanted = (*after[:target], after[target] * _PROBE, *after[target + 1 :])
    if result == wanted or node.input[1] not in constants(graph):
        return False
    copies = target == axis and before[axis] == after[target]
    symbol = 0 if copies and not attribute(node, "allowzero", 0) else -1
    if varies:  # the other places hold for one size alone, if they are not the constant's
        after = tuple(int(size) for size in values_of(constants(graph)[node.input[1]]))
        if symbol == -1 in after:
            return False
    sizes = [*after[:target], symbol, *after[target + 1 :]]
    node.input[1] = add_constant(graph, f"{node.name}_shape", np.array(sizes, np.int64))
    return True


def _correct_resize(
    graph: onnx.GraphProto, node: onnx.NodeProto, before: tuple[int, ...], after: tuple[int, ...]
) -> bool:
    if len(node.input) < 4 or not node.input[3]:
        return False
    if node.input[3] not in constants(graph):
        return False
    given = values_of(constants(graph)[node.input[3]])
    if len(given) != len(before) or given[0] != before[0]:
        return False
    scales = np.array([_scale(new, old) for new, old in zip(after, before, strict=True)])
    node.input[2] = add_constant(graph, f"{node.name}_scales", scales)
    del node.input[3:]
    return True


def _scale(new: int, old: int) -> np.float32:
    """Return the scale of a Resize, whose result's size is floor(old * scale)."""
    scale = np.float32(new / old)
    return scale if old * float(scale) >= new else np.nextafter(scale, np.float32(np.inf))


def _sizes(shapes: dict[str, Shape], name: str) -> tuple[int, ...] | None:
    sizes = [size for size in shapes.get(name, (None,)) if isinstance(size, int)]
    return tuple(sizes) if len(sizes) == len(shapes.get(name, (None,))) else None


def _batch_axis(before: tuple[int, ...], now: tuple[int, ...]) -> int | None:
    if len(before) != len(now):
        return None
    grown = [i for i, (old, new) in enumerate(zip(before, now, strict=True)) if new != old]
    if len(grown) == 1 and now[grown[0]] == before[grown[0]] * _PROBE:
        return grown[0]
    return None


def _axis_with_stride(shape: tuple[int, ...], stride: int) -> int | None:
    """Return the axis in which one sample spans ``stride`` elements.

    Where several do, the first of size 1, which is the batch's own, else the last.
    """
    fitting = [axis for axis in range(len(shape)) if math.prod(shape[axis:]) == stride]
    own = [axis for axis in fitting if shape[axis] == 1]
    return own[0] if own else (fitting[-1] if fitting else None)
