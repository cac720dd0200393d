# SPDX-License-Identifier: Apache-2.0
"""Which values hold rows that were chosen by what the network computed.

A detector of two stages keeps the best of its proposals: behind that, the float network and
its quantized form look at different rows, or at another number of them, and nothing tells
how far one is from the other.
"""

from collections.abc import Collection

import onnx

from vackit.compiler.graph import reads

_CHOOSING = frozenset(
    {"ArgMax", "ArgMin", "Compress", "NonMaxSuppression", "NonZero", "TopK", "Unique"}
)
# what they tell of a value does not depend on its numbers
_OUTSIDE = frozenset({"Shape", "Size"})


def chosen_values(graph: onnx.GraphProto, rounded: Collection[str]) -> set[str]:
    """Return the values behind a choice among values that rounding changes.

    Args:
        graph: Its nodes in order.
        rounded: Names of the nodes that are to compute in integers.
    """
    changed: set[str] = set()
    chosen: set[str] = set()
    for node in graph.node:
        if node.op_type in _OUTSIDE:
            continue
        read = set(reads(node))
        is_changed = bool(read & changed)
        if is_changed or node.name in rounded:
            changed.update(node.output)
        if read & chosen or (is_changed and node.op_type in _CHOOSING):
            chosen.update(node.output)
    return chosen
