# SPDX-License-Identifier: Apache-2.0
"""Replace what exporters compute from Shape nodes by constants."""

import contextlib
from typing import ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray

from vackit.compiler.dynamic import is_dynamic, uneven_sizes
from vackit.compiler.graph import (
    add_constant,
    attribute,
    constants,
    copy_model,
    output_names,
    replace,
    shape_of,
)
from vackit.compiler.passes.base import Pass
from vackit.compiler.running import open_session, random_feeds, run
from vackit.errors import ModelError

_ARITHMETIC = frozenset(
    {
        *("Add", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Floor", "Gather"),
        *("Max", "Min", "Mul", "Range", "Reshape", "Shape", "Size", "Slice", "Split", "Squeeze"),
        *("Sub", "Unsqueeze", "Where"),
    }
)

Values = NDArray[np.int64]


class FoldShapes(Pass):
    """Run the model on batches of two and three samples; what stays the same is constant.

    A value counts that is computed from Shape nodes and constants alone. Where the target
    of a Reshape follows the batch, its place for the batch becomes -1.
    Changes no value that is computed from the image, and leaves what depends on the batch
    in any other way computed.
    """

    name: ClassVar[str] = "fold_shapes"

    def apply(self, model: onnx.ModelProto) -> int:
        """Fold; return the number of inputs of nodes that became constants."""
        graph = model.graph
        shapes = _shape_values(graph)
        read = [
            (node, name)
            for node in graph.node
            if not shapes.issuperset(node.output)
            for name in dict.fromkeys(node.input)
            if name in shapes
        ]
        if not read:
            return 0
        runs = _runs(model, sorted({name for _, name in read}))
        folded = 0
        for node, name in read:
            values = [values_by_name[name] for values_by_name in runs]
            constant = values[0] if _same(values) else _reshape_target(node, name, values)
            if constant is not None:
                replace(node.input, name, add_constant(graph, f"{name}_folded", constant))
                folded += 1
        return folded


def _shape_values(graph: onnx.GraphProto) -> set[str]:
    """Return the integer values that depend on shapes and constants alone."""
    known = {name for name, t in constants(graph).items() if t.data_type == onnx.TensorProto.INT64}
    found: set[str] = set()
    for node in graph.node:
        is_seed = node.op_type in ("Shape", "Size")
        is_fed = any(name in found for name in node.input)
        if is_seed or (
            node.op_type in _ARITHMETIC
            and is_fed
            and all(name in known | found for name in node.input if name)
        ):
            found.update(name for name in node.output if name)
    return found - output_names(graph)


def _runs(model: onnx.ModelProto, names: list[str]) -> list[dict[str, Values]]:
    """Return the values of ``names`` for batches of two and three, or of the fixed batch.

    Where sizes vary too, for examples of those; among them sizes that strides do not divide,
    where the model takes such: there it may pad what it does not pad at the others.
    """
    exposed = copy_model(model)
    for name in names:
        exposed.graph.output.append(onnx.ValueInfoProto(name=name))
    session = open_session(onnx.shape_inference.infer_shapes(exposed), "fold_shapes")
    is_free = any(isinstance((shape_of(v) or (0,))[0], str) for v in model.graph.input)
    sizes = range(3) if is_dynamic(model.graph) else (0,)
    feeds = [
        random_feeds(model.graph, batch, size)
        for size in sizes
        for batch in ((2, 3) if is_free else (1,))
    ]
    results = [run(session, one, "fold_shapes") for one in feeds]
    if is_dynamic(model.graph):
        with contextlib.suppress(ModelError):
            uneven = random_feeds(model.graph, 1, 0, uneven_sizes)
            results.append(run(session, uneven, "fold_shapes"))
    return [{name: result[name] for name in names} for result in results]


def _same(values: list[Values]) -> bool:
    return all(np.array_equal(values[0], other) for other in values[1:])


def _reshape_target(node: onnx.NodeProto, name: str, values: list[Values]) -> Values | None:
    """Return a constant target for both batches: one place follows the batch."""
    if node.op_type != "Reshape" or node.input[1] != name or len({v.shape for v in values}) > 1:
        return None
    differs = np.flatnonzero(np.any([values[0] != other for other in values], axis=0))
    if len(differs) != 1 or (values[0] == -1).any() or attribute(node, "allowzero", 0):
        return None
    target = values[0].copy()
    # the place itself may hold the batch times something: only -1 is right for all of these
    target[differs[0]] = -1
    return target
