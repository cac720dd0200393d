# SPDX-License-Identifier: Apache-2.0
"""Detection post-processing as ONNX, appended at build time: decode, then choose.

A new head is a file of forms, a line in `HEADS` and a test beside its siblings.
"""

from collections.abc import Mapping
from typing import Any

from vackit.compiler.detection.append_nms import AppendNms
from vackit.compiler.detection.heads import HEADS
from vackit.compiler.detection.params import read_params

__all__ = ["DETECTION_OPS", "append_nms"]

DETECTION_OPS = tuple(HEADS)


def append_nms(kind: str, params: Mapping[str, Any], where: object) -> AppendNms:
    """Return the pass for ``graph.extra_ops`` of type ``kind``, one of `DETECTION_OPS`.

    Raises:
        ModelError: A parameter is missing, not known, or not of its kind.
    """
    return AppendNms(kind, read_params(params, where))
