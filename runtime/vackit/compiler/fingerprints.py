# SPDX-License-Identifier: Apache-2.0
"""Tell whether an integer graph still holds the weights and biases that it was built with.

Rounding that compensates errors goes far where a channel says nothing, so nothing else can
tell a changed weight from a built one.
"""

import hashlib
from collections.abc import Mapping

import onnx

from vackit.compiler.graph import attribute, constants, producers, values_of
from vackit.compiler.placement import WEIGHTED

# hexadecimal digits: enough to tell changes, not to withstand an attack
_DIGITS = 12


def fingerprints(graph: onnx.GraphProto) -> dict[str, list[str]]:
    """Return a fingerprint of the weights, and one of the bias, of every integer node.

    They cover the integers, their scale and their zero point. The bias's is empty where there
    is none in integers.
    """
    makers, known = producers(graph), constants(graph)
    found = {}
    for node in graph.node:
        if node.op_type not in WEIGHTED or len(node.input) < 2:
            continue
        weights, bias = (_of(name, makers, known) for name in [*node.input[1:3], ""][:2])
        if weights:
            found[node.name] = [weights, bias]
    return found


def _of(
    name: str, makers: Mapping[str, onnx.NodeProto], known: Mapping[str, onnx.TensorProto]
) -> str:
    maker = makers.get(name)
    if maker is None or maker.op_type != "DequantizeLinear":
        return ""
    digest = hashlib.sha256(str(attribute(maker, "axis", 1)).encode())
    for constant in maker.input:
        if constant not in known:
            return ""
        values = values_of(known[constant])
        digest.update(f"{values.dtype}{values.shape}".encode() + values.tobytes())
    return digest.hexdigest()[:_DIGITS]
