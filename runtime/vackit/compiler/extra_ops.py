# SPDX-License-Identifier: Apache-2.0
"""What ``graph.extra_ops`` can append to a model, by name."""

import logging

from vackit.compiler.detection import DETECTION_OPS, append_nms
from vackit.compiler.passes.append_softmax import AppendSoftmax
from vackit.compiler.passes.base import Pass
from vackit.config.build import ExtraOps
from vackit.errors import UnsupportedOpError

logger = logging.getLogger(__name__)

EXTRA_OPS = ("softmax", *DETECTION_OPS)


def extra_pass(extra: ExtraOps, where: object) -> Pass:
    """Return the pass that appends what a build config asks for.

    Args:
        extra: The config's ``graph.extra_ops``.
        where: What to name in errors: the build YAML.

    Raises:
        UnsupportedOpError: There is no such extra op here.
        ModelError: Its parameters are not right.
    """
    if extra.type not in EXTRA_OPS:
        raise UnsupportedOpError(
            f"graph.extra_ops.type '{extra.type}' is not available in this version; "
            f"available: {', '.join(EXTRA_OPS)}",
            where=where,
        )
    if extra.type in DETECTION_OPS:
        return append_nms(extra.type, extra.params or {}, where)
    if extra.params:
        logger.warning("%s: graph.extra_ops softmax has no params: no effect", where)
    return AppendSoftmax()
