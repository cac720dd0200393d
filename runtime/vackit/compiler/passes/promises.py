# SPDX-License-Identifier: Apache-2.0
"""What every pass promises, checked after each run that changed something."""

from collections import Counter
from collections.abc import Iterable

import onnx

from vackit.compiler.passes.base import Pass

# in `Pass.removes` and `Pass.adds`: nodes of every kind
ANY = "any"


def broken_promise(step: Pass, before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    """Say which promise a pass broke; empty where it kept them all.

    Checked are the model's inputs, outputs and opset, names, the kinds of nodes that the pass
    declares to add and remove, ONNX's own rules, and what the pass says of its own result.
    """
    return (
        _other_face(step, before, after)
        or _undeclared(step, node_changes(before.graph, after.graph))
        or _unclear_names(before.graph, after.graph)
        or _unruly(before, after)
        or step.postcondition(after)
    )


def node_changes(before: onnx.GraphProto, after: onnx.GraphProto) -> dict[str, int]:
    """Return by how many the nodes of each kind became more or fewer, by kind."""
    old, new = _kinds(before), _kinds(after)
    return {kind: new[kind] - old[kind] for kind in sorted(old | new) if new[kind] != old[kind]}


def _kinds(graph: onnx.GraphProto) -> Counter[str]:
    return Counter(f"{node.domain}.{node.op_type}".lstrip(".") for node in graph.node)


def _other_face(step: Pass, before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    """Say what of a model its callers would see changed."""
    if _face(before.graph.input) != _face(after.graph.input):
        return f"the inputs are {_listed(after.graph.input)}, were {_listed(before.graph.input)}"
    if not step.changes_outputs and _face(before.graph.output) != _face(after.graph.output):
        return f"the outputs are {_listed(after.graph.output)}, were {_listed(before.graph.output)}"
    if not step.raises_opset and list(before.opset_import) != list(after.opset_import):
        return "the opset is another"
    return ""


def _face(values: Iterable[onnx.ValueInfoProto]) -> list[tuple[str, bytes]]:
    return [(v.name, v.type.SerializeToString(deterministic=True)) for v in values]


def _listed(values: Iterable[onnx.ValueInfoProto]) -> str:
    return ", ".join(f"{v.name} {onnx.helper.printable_type(v.type)}" for v in values) or "none"


def _undeclared(step: Pass, changes: dict[str, int]) -> str:
    for kind, count in changes.items():
        declared = step.adds if count > 0 else step.removes
        if kind not in declared and ANY not in declared:
            how = "more" if count > 0 else "fewer"
            return f"{abs(count)} {how} {kind} nodes, which it does not declare"
    return ""


def _unclear_names(before: onnx.GraphProto, after: onnx.GraphProto) -> str:
    """Say which node has no name of its own: settings and reports go by names."""
    old, new = (Counter(node.name for node in graph.node) for graph in (before, after))
    for name, count in new.items():
        if (count > 1 or not name) and count > old[name]:
            return f"{count} nodes are named '{name}'"
    return ""


def _unruly(before: onnx.ModelProto, after: onnx.ModelProto) -> str:
    try:
        onnx.checker.check_model(after)
    except (onnx.checker.ValidationError, ValueError) as error:
        fact = next((line for line in str(error).splitlines() if line.strip()), "no reason given")
    else:
        return ""
    try:
        onnx.checker.check_model(before)
    except (onnx.checker.ValidationError, ValueError):
        return ""  # it was so already
    return f"no model any more by ONNX's own checker: {fact}"
