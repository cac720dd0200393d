# SPDX-License-Identifier: Apache-2.0
"""Bring a model to the opset that quantized graphs need."""

import onnx
from onnx import helper, version_converter

from vackit.compiler.graph import attribute, constants, copy_model, opset_of, reads
from vackit.compiler.running import largest_difference, open_session, random_feeds, run
from vackit.errors import ModelError, UnsupportedOpError

# per-channel QuantizeLinear and DequantizeLinear came with it
QUANTIZED_OPSET = 13
# relative to the largest output; a conversion only re-writes, it must not compute otherwise
TOLERANCE = 1e-4
# from it on a Resize says how it samples
_EXPLICIT_RESIZE_OPSET = 11


def raise_opset(model: onnx.ModelProto, where: object) -> int:
    """Convert ``model`` in place to opset 13 where it is older.

    The converter is not trusted: outputs on random data must stay as they were.

    Returns:
        1 if it was converted, 0 if it was new enough.

    Raises:
        UnsupportedOpError: A node has no newer form, or the conversion changes an output.
    """
    if opset_of(model) >= QUANTIZED_OPSET:
        return 0
    try:
        converted = version_converter.convert_version(copy_model(model), QUANTIZED_OPSET)
    except Exception as error:  # the converter raises RuntimeError and its own C++ classes
        raise _stopped_by(model, str(error), where) from error
    _keep_names(model.graph, converted.graph)
    # the converter leaves the ranges of their sizes behind
    for kept, value in zip(model.graph.input, converted.graph.input, strict=False):
        value.CopyFrom(kept)
    for kept, value in zip(model.graph.output, converted.graph.output, strict=True):
        value.CopyFrom(kept)
    if opset_of(model) < _EXPLICIT_RESIZE_OPSET:
        _keep_resize(converted.graph)
    try:
        session = open_session(converted, where)
        feeds = random_feeds(model.graph, 1, 0)
        want = run(open_session(model, where), feeds, where)
        got = run(session, feeds, where)
    except ModelError as error:
        raise UnsupportedOpError(
            f"opset {opset_of(model)} does not convert to {QUANTIZED_OPSET}: {error.message}",
            where=where,
            hint=_HINT,
        ) from error
    apart = largest_difference([got[name] for name in want], list(want.values()))
    if apart > TOLERANCE:
        raise UnsupportedOpError(
            f"converting opset {opset_of(model)} to {QUANTIZED_OPSET} changes the outputs "
            f"by {apart:.1e}",
            where=where,
            hint=_HINT,
        )
    # the shapes it noted are those of one sample
    del converted.graph.value_info[:]
    model.CopyFrom(converted)
    return 1


_HINT = f"export the model with opset {QUANTIZED_OPSET} or newer, or build fp16 or fp32"


def _keep_resize(graph: onnx.GraphProto) -> None:
    """Write out how Upsample and Resize sampled before they had a choice.

    The converter leaves them to the newer default, ``half_pixel``.

    Source: ONNX operator changelog, Resize 10 and 11.
    """
    for node in graph.node:
        if node.op_type == "Resize" and attribute(node, "coordinate_transformation_mode") is None:
            modes = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            node.attribute.extend(helper.make_attribute(k, v) for k, v in modes.items())


def _stopped_by(model: onnx.ModelProto, words: str, where: object) -> UnsupportedOpError:
    types = {value.name: value for value in _typed(model).graph.value_info}
    node = next((node for node in model.graph.node if not _converts(model, node, types)), None)
    what = f"node '{node.name}' ({node.op_type})" if node else "the model"
    reason = " ".join(words.split())[-200:]
    return UnsupportedOpError(
        f"{what} of opset {opset_of(model)} has no form in opset {QUANTIZED_OPSET}, "
        f"which int8 needs: {reason}",
        where=where,
        hint=_HINT,
    )


def _typed(model: onnx.ModelProto) -> onnx.ModelProto:
    inferred = onnx.shape_inference.infer_shapes(model)
    inferred.graph.value_info.extend([*model.graph.input, *model.graph.output])
    return inferred


def _converts(
    model: onnx.ModelProto, node: onnx.NodeProto, types: dict[str, onnx.ValueInfoProto]
) -> bool:
    """Tell whether a node converts as a model of its own."""
    known = constants(model.graph)
    read = [name for name in dict.fromkeys(reads(node)) if name not in known]
    graph = helper.make_graph(
        [node],
        "single",
        [types.get(name, onnx.ValueInfoProto(name=name)) for name in read],
        [types.get(name, onnx.ValueInfoProto(name=name)) for name in node.output if name],
        [known[name] for name in dict.fromkeys(reads(node)) if name in known],
    )
    single = helper.make_model(
        graph, opset_imports=list(model.opset_import), ir_version=model.ir_version
    )
    try:
        version_converter.convert_version(single, QUANTIZED_OPSET)
    except Exception:  # the same unrelated classes as above
        return False
    return True


def _keep_names(old: onnx.GraphProto, new: onnx.GraphProto) -> None:
    """Give unnamed nodes of the converter names."""
    taken = {node.name for node in (*old.node, *new.node)}
    for position, node in enumerate(new.node):
        if not node.name:
            name = f"{node.op_type}_{position}"
            while name in taken:
                name += "_"
            node.name = name
            taken.add(name)
