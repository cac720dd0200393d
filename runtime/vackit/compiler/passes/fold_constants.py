# SPDX-License-Identifier: Apache-2.0
"""Compute at compile time what depends on constants alone."""

import logging
import math
from typing import Any, ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from vackit.compiler.graph import constants, output_names, remove_nodes, values_of
from vackit.compiler.passes.base import Pass

logger = logging.getLogger(__name__)

# what re-arranges and computes shapes and weights; exact in every implementation
_FOLDABLE = frozenset(
    {
        *("Abs", "Add", "Cast", "Ceil", "Concat", "ConstantOfShape", "Div", "Equal", "Exp"),
        *("Expand", "Flatten", "Floor", "Gather", "Max", "Min", "Mul", "Neg", "Pow", "Range"),
        *("Reciprocal", "Reshape", "Shape", "Size", "Slice", "Split", "Sqrt", "Squeeze", "Sub"),
        *("Tile", "Transpose", "Unsqueeze", "Where"),
    }
)
# a constant may grow by folding (Expand, Tile), but not beyond this
_MAX_ELEMENTS = 2**24


class FoldConstants(Pass):
    """Replace nodes whose inputs are all constants by initializers with their outputs.

    Leaves random, quantizing and control-flow nodes, unknown domains and nodes that make a
    graph output alone. Shapes of computed values are not folded: the batch may be free.
    """

    name: ClassVar[str] = "fold_constants"
    removes: ClassVar[frozenset[str]] = _FOLDABLE

    def apply(self, model: onnx.ModelProto) -> int:
        """Fold in topological order; return the number of nodes folded."""
        graph = model.graph
        known = {name: values_of(tensor) for name, tensor in constants(graph).items()}
        outputs = output_names(graph)
        folded: list[onnx.NodeProto] = []
        for node in graph.node:
            if not _is_foldable(node, known, outputs):
                continue
            results = _evaluate(model, node, known)
            if results is None:
                continue
            for name, values in results.items():
                known[name] = values
                graph.initializer.append(numpy_helper.from_array(values, name))
            folded.append(node)
        remove_nodes(graph, folded)
        return len(folded)


def _is_foldable(node: onnx.NodeProto, known: dict[str, NDArray[Any]], outputs: set[str]) -> bool:
    return (
        not node.domain
        and node.op_type in _FOLDABLE
        and bool(node.input)
        and all(name in known for name in node.input if name)
        and not outputs.intersection(node.output)
    )


def _evaluate(
    model: onnx.ModelProto, node: onnx.NodeProto, known: dict[str, NDArray[Any]]
) -> dict[str, NDArray[Any]] | None:
    if node.op_type in ("Expand", "ConstantOfShape", "Tile") and _grows(node, known):
        return None
    feeds = {name: known[name] for name in node.input if name}
    names = [name for name in node.output if name]
    graph = helper.make_graph(
        [node],
        "fold",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(values.dtype), list(values.shape)
            )
            for name, values in feeds.items()
        ],
        [onnx.ValueInfoProto(name=name) for name in names],
    )
    single = helper.make_model(graph, opset_imports=list(model.opset_import))
    try:
        with np.errstate(all="ignore"):
            results = ReferenceEvaluator(single).run(None, feeds)
    except Exception as error:  # what the evaluator does not know stays in the graph
        logger.debug("%s is not folded: %s", node.name, error)
        return None
    return {name: np.asarray(values) for name, values in zip(names, results, strict=True)}


def _grows(node: onnx.NodeProto, known: dict[str, NDArray[Any]]) -> bool:
    size = math.prod(int(n) for n in known[node.input[-1]].ravel())
    if node.op_type == "Tile":
        size *= known[node.input[0]].size
    return size > _MAX_ELEMENTS
