# SPDX-License-Identifier: Apache-2.0
"""How a sequence of passes runs, each held to what it declares."""

import logging
from collections.abc import Iterable
from typing import Any

import onnx

from vackit.compiler.graph import copy_model
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.promises import broken_promise, node_changes
from vackit.compiler.verify import Samples, difference
from vackit.errors import VackitError

logger = logging.getLogger(__name__)

# one entry of the manifest's `passes`
PassRecord = dict[str, Any]


def run_passes(
    model: onnx.ModelProto,
    passes: Iterable[Pass],
    where: object,
    samples: Samples = (),
    *,
    undo: bool = False,
) -> list[PassRecord]:
    """Run ``passes`` in order over ``model``, in place.

    Each pass is held to what it declares (`promises.broken_promise`), and to the samples.

    Args:
        model: The model.
        passes: In order.
        where: What to name in errors: the model's file.
        samples: What the model is to compute, from `vackit.compiler.verify.run_alone`;
            without any, nothing is run.
        undo: Undo a pass that fails, breaks a promise or changes the results, aloud, instead
            of raising.

    Returns:
        Per pass ``{"pass": name, "changes": n}``; ``"nodes"``, by how many the nodes of each
        kind became more or fewer, where they did; ``"skipped"`` or ``"undone"``, why it left
        the model as it was, where it had to.

    Raises:
        RuntimeError: Without ``undo``, a pass is not right.
    """
    records: list[PassRecord] = []
    for step in passes:
        if reason := step.precondition(model):
            logger.info("%s: pass '%s' is left out: %s", where, step.name, reason)
            records.append({"pass": step.name, "changes": 0, "skipped": reason})
            continue
        before = copy_model(model)
        try:
            changes = _applied(step, before, model, samples, where)
        except (VackitError, _NotRightError) as error:
            if not undo:
                raise _told(error, step, records, where) from error
            logger.warning("%s: pass '%s' is undone: %s", where, step.name, error)
            model.CopyFrom(before)
            records.append({"pass": step.name, "changes": 0, "undone": str(error)})
            continue
        logger.info("%s: %d changes", step.name, changes)
        nodes = node_changes(before.graph, model.graph)
        record: PassRecord = {"pass": step.name, "changes": changes}
        records.append(record | ({"nodes": nodes} if nodes else {}))
    return records


class _NotRightError(Exception):
    """A pass failed, broke a promise, or changed what the model computes."""


def _applied(
    step: Pass, before: onnx.ModelProto, model: onnx.ModelProto, samples: Samples, where: object
) -> int:
    """Apply a pass; return how much it changed."""
    try:
        changes = step.apply(model)
    except VackitError:
        raise
    except Exception as error:
        raise _NotRightError(f"it failed: {error!r}") from error
    if not changes:
        reason = "" if _same(before, model) else "it changed the model and counts no change"
    else:
        reason = broken_promise(step, before, model)
        if not reason and samples:
            reason = difference(model, samples, where)
    if reason:
        raise _NotRightError(reason)
    return changes


def _told(error: Exception, step: Pass, records: list[PassRecord], where: object) -> Exception:
    if isinstance(error, VackitError):
        error.where = error.where or str(where)
        return error
    done = ", ".join(record["pass"] for record in records) or "none"
    return RuntimeError(f"pass '{step.name}': {error} (after: {done})")


def _same(one: onnx.ModelProto, other: onnx.ModelProto) -> bool:
    # by value first, which is fast; NaN is like no other, but its bytes are
    same: bool = one == other
    return same or one.SerializeToString(deterministic=True) == other.SerializeToString(
        deterministic=True
    )
