# SPDX-License-Identifier: Apache-2.0
"""Which nodes a build config keeps in float: by name, by index, or by kind."""

import difflib
import logging
from collections.abc import Iterable, Sequence

import onnx
from onnx import defs

from vackit.compiler.placement import place
from vackit.config.build import Quantize
from vackit.errors import UnsupportedOpError

logger = logging.getLogger(__name__)

# what published configs call the kinds of nodes, after the vendor's compiler; others by ONNX's
# name in any case
_KINDS = {
    "avg_pool2d": ("AveragePool",),
    "batch_matmul": ("MatMul",),
    "concatenate": ("Concat",),
    "conv2d": ("Conv",),
    "dense": ("Gemm", "MatMul"),
    "global_avg_pool2d": ("GlobalAveragePool",),
    "max_pool2d": ("MaxPool",),
    "multiply": ("Mul",),
    "strided_slice": ("Slice",),
    "take": ("Gather",),
}
_PRODUCTS = ("Gemm", "MatMul")


def excluded_nodes(
    graph: onnx.GraphProto, quantize: Quantize, where: object
) -> tuple[frozenset[str], frozenset[str]]:
    """Return the nodes that are to stay float, and those of them that were given by name.

    Any key takes the name of any node. An index counts from 0 in the order in which the model
    lists its Conv nodes (``skip_conv_layers``, ``exclude_layers``) or its Gemm and MatMul nodes
    (``skip_matmul_layers``). ``ops_usingfp`` takes kinds of nodes.

    Args:
        graph: As it was read, its nodes named.
        quantize: The build config's.
        where: What to name in errors: the build YAML.

    Raises:
        UnsupportedOpError: A choice means no node of the model, or no kind that there is.
    """
    names = {node.name for node in graph.node}
    found: set[str] = set()
    named: set[str] = set()
    for key, choices, kinds in (
        ("skip_conv_layers", quantize.skip_conv_layers, ("Conv",)),
        ("skip_matmul_layers", quantize.skip_matmul_layers, _PRODUCTS),
        ("exclude_layers", quantize.exclude_layers, ("Conv",)),
    ):
        counted = [node.name for node in graph.node if node.op_type in kinds]
        for choice in map(str, choices):
            if choice in names:
                named.add(choice)
            elif choice.isdecimal() and int(choice) < len(counted):
                found.add(counted[int(choice)])
            else:
                raise _no_such_node(key, choice, sorted(names), counted, kinds, where)
    kept = _kinds(quantize.ops_usingfp, where)
    found.update(node.name for node in graph.node if node.op_type in kept)
    return frozenset(found | named), frozenset(named)


def warn_without_effect(model: onnx.ModelProto, named: Iterable[str], where: object) -> None:
    """Say which nodes given by name would be float in any case, or are gone."""
    integer = place(model).nodes
    idle = sorted(set(named) - integer)
    if idle:
        what = "is" if len(idle) == 1 else "are"
        logger.warning(
            "%s: no effect: %s %s float in any case, or folded into another node",
            where,
            ", ".join(f"'{name}'" for name in idle),
            what,
        )


def _no_such_node(
    key: str,
    choice: str,
    names: Sequence[str],
    counted: Sequence[str],
    kinds: Sequence[str],
    where: object,
) -> UnsupportedOpError:
    near = difflib.get_close_matches(choice, names, n=1)
    last = len(counted) - 1
    there = f"0 ('{counted[0]}') to {last} ('{counted[last]}')" if counted else "not there"
    return UnsupportedOpError(
        f"backend.quantize.{key}: '{choice}' is no node of the model; its {' and '.join(kinds)} "
        f"nodes are {there}",
        where=where,
        hint=f"did you mean '{near[0]}'?" if near else "",
    )


def _kinds(choices: Iterable[int | str], where: object) -> frozenset[str]:
    operators = sorted({schema.name for schema in defs.get_all_schemas()})
    known: dict[str, tuple[str, ...]] = {name.lower(): (name,) for name in operators}
    known |= _KINDS
    kinds: set[str] = set()
    for choice in map(str, choices):
        word = choice.lower().removeprefix("nn.")
        if word not in known:
            near = difflib.get_close_matches(word, known, n=1)
            raise UnsupportedOpError(
                f"backend.quantize.ops_usingfp: '{choice}' is no kind of node",
                where=where,
                hint=f"did you mean '{near[0]}'?" if near else "",
            )
        kinds.update(known[word])
    return frozenset(kinds)
