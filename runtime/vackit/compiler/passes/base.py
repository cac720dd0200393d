# SPDX-License-Identifier: Apache-2.0
"""What a pass is, and how a sequence of them runs."""

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar

import onnx

from vackit.compiler.graph import copy_model
from vackit.compiler.verify import Samples, difference
from vackit.errors import VackitError

logger = logging.getLogger(__name__)

# one entry of the manifest's `passes`
PassRecord = dict[str, Any]


class Pass(ABC):
    """One graph transformation.

    Its class docstring says what it changes and what it promises not to change. No pass
    changes the names, order, dtypes or shapes of the graph's inputs and outputs.
    """

    name: ClassVar[str]

    @abstractmethod
    def apply(self, model: onnx.ModelProto) -> int:
        """Change ``model`` in place; return the number of changes."""


def run_passes(
    model: onnx.ModelProto, passes: Iterable[Pass], where: object, samples: Samples = ()
) -> list[PassRecord]:
    """Run ``passes`` in order over ``model``, in place.

    Args:
        model: The model.
        passes: In order.
        where: What to name in errors: the model's file.
        samples: What the model is to compute, from `vackit.compiler.verify.run_alone`. A
            pass that fails, or after which it computes anything else, is undone, aloud;
            without samples nothing is checked.

    Returns:
        Per pass ``{"pass": name, "changes": n}``.
    """
    records: list[PassRecord] = []
    for step in passes:
        before = copy_model(model) if samples else model
        try:
            changes = step.apply(model)
        except VackitError as error:
            error.where = error.where or str(where)
            raise
        except Exception as error:
            if samples:
                logger.warning("%s: pass '%s' is undone: it failed: %s", where, step.name, error)
                model.CopyFrom(before)
                records.append({"pass": step.name, "changes": 0})
                continue
            done = ", ".join(record["pass"] for record in records) or "none"
            raise RuntimeError(f"pass '{step.name}' failed (after: {done})") from error
        if changes and samples and (reason := difference(model, samples, where)):
            logger.warning("%s: pass '%s' is undone: %s", where, step.name, reason)
            model.CopyFrom(before)
            changes = 0
        logger.info("%s: %d changes", step.name, changes)
        records.append({"pass": step.name, "changes": changes})
    return records
