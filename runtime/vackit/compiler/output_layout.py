# SPDX-License-Identifier: Apache-2.0
"""Mark the outputs that ``backend.compile.output_layout`` asks for as matrices.

A published file says ``["0:YX"]``: output 0 is a matrix of rows and columns without a batch
axis. The artifact's graph keeps its shapes; what reads a sample as a card gives it, does so
by the mark.
"""

import dataclasses
import logging
import re
from collections.abc import Sequence
from typing import Any

from vackit.tensors import MATRIX_LAYOUT, TensorSpec

logger = logging.getLogger(__name__)

# also as YAML reads [0:"YX"], quotes inside
_ENTRY = re.compile(r"""(?P<index>\d+) *: *["']?(?P<layout>\w+)["']?""")


def with_layouts(
    outputs: Sequence[TensorSpec], wanted: Any, where: object
) -> tuple[TensorSpec, ...]:
    """Return the outputs, those marked that are to be matrices.

    Args:
        outputs: Of the finished graph.
        wanted: The value of ``output_layout``; None where the file has none. What it says of
            an output that is not there, or of another layout, has no effect, aloud.
        where: What to name in warnings: the build YAML.
    """
    marked = list(outputs)
    for entry in wanted if isinstance(wanted, list) else [wanted] if wanted else []:
        found = _ENTRY.fullmatch(str(entry).strip("{} "))
        index = int(found["index"]) if found else len(marked)
        if found is None or index >= len(marked) or found["layout"] != MATRIX_LAYOUT:
            logger.warning(
                "%s: backend.compile.output_layout: no effect: %s; expected a list like "
                '["0:%s"] for the %d outputs',
                where,
                entry,
                MATRIX_LAYOUT,
                len(marked),
            )
            continue
        marked[index] = dataclasses.replace(marked[index], layout=MATRIX_LAYOUT)
    return tuple(marked)
