# SPDX-License-Identifier: Apache-2.0
"""Sentences that the table and the page share."""

import math

from vackit.compiler.explain.explanation import Explanation, Row
from vackit.compiler.explain.intervals import Interval
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.scores import Scores
from vackit.compiler.explain.trials import Trial

COLUMNS = (
    ("alone dB", "this node alone in int8, at its own output"),
    ("cosine", "the same as a cosine"),
    ("channel dB", "the same for its middle channel"),
    ("outputs dB", "this node alone in int8, at the network's outputs"),
    ("entire dB", "everything up to here in int8, at this node's output"),
    ("cosine", "the same as a cosine"),
)


def cells(row: Row) -> tuple[str, ...]:
    """Return the numbers of `COLUMNS`."""
    statistics = row.statistics
    return (
        db(statistics.single),
        f"{statistics.single.cosine:.4f}",
        number(statistics.channels.typical_db),
        db(row.at_outputs),
        db(statistics.entire),
        f"{statistics.entire.cosine:.4f}",
    )


def verdict(scores: Scores) -> list[str]:
    """Return what the classes lose, a line each; none where the output names no class."""
    loss, agreement = scores.loss, scores.agreement
    if loss is None or agreement is None:
        return []
    count, labels = len(scores.predictions), "" if scores.labeled else ", no labels"
    same = f"agreement with float32: {agreement.value:.2f} % of {count} images"
    lines = [f"{same} ({_ends(agreement)}){labels}"]
    if scores.labeled:
        change = Interval(-loss.value, -loss.high, -loss.low)
        right = f"int8 {scores.top1_integer:.2f} %, float32 {scores.top1_floating:.2f} %"
        apart = f"{change.value:+.2f} points ({_ends(change, '+')})"
        lines.insert(0, f"top-1 of {len(scores.labeled)} labeled images: {right}: {apart}")
    return lines


def advice(explanation: Explanation) -> list[str]:
    """Return what to do, above the YAML where there is some."""
    trial, loss = explanation.advised, explanation.scores.loss
    if trial is None:
        return []
    lines = []
    if any(row.is_faulty for row in explanation.rows):
        return ["build it again with `vamc build --force`, then explain it again"]
    gain = trial.scores.gain_over(explanation.scores)
    if loss is not None and loss.low <= 0 and not (gain is not None and gain.is_certain):
        count = len(explanation.scores.predictions)
        lines = [f"what int8 loses is within chance on {count} images; for closer outputs:"]
    if trial.yaml:
        return [*lines, "to merge into the build YAML:"]
    where = "dataset.path, dataset.sampler.get_data_num"
    return [*lines, f"calibrate with more images like these: {where}"]


def effect(trial: Trial, before: Trial | None = None) -> str:
    """Return what a trial measured, with its change from ``before``."""
    parts = [f"outputs {db(trial.outputs)} dB{_change(trial.outputs, before)}"]
    scores = trial.scores
    if scores.top1_integer is not None:
        parts.append(f"top-1 {scores.top1_integer:.2f} %{_points(trial, before)}")
    elif scores.agreement is not None:
        parts.append(f"agreement {scores.agreement.value:.2f} %{_points(trial, before)}")
    if trial.latency is not None:
        slowdown = trial.slowdown(before) if before is not None else None
        slower = (
            "" if slowdown is None else f" ({slowdown.value:+.0f} %; {_ends(slowdown, '+', 0)})"
        )
        parts.append(f"emulated {trial.latency.median_ms:.2f} ms{slower}")
    if trial.is_rebuilt:
        without = (
            "" if trial.base is None else f" (without the patch that gives {db(trial.base)} dB)"
        )
        parts.append(f"calibrated with these images{without}")
    return ", ".join(parts)


def no_cure(row: Row) -> str:
    """Return that nothing helps a row, and how much was tried."""
    count = len(row.trials)
    return (
        f"none of the {count} patches tried helps" if count > 1 else "the patch tried does not help"
    )


def evened_lines(explanation: Explanation) -> list[str]:
    """Return what the build has mended by itself, a line a node."""
    return [
        f"{name}: output channel {found['channel']} had {found['ratio_before']:g} times the "
        f"weights of the middle one, now the widest has {found['ratio_after']:g} times"
        for name, found in explanation.evened.items()
    ]


def db(noise: Noise) -> str:
    """Return an SQNR."""
    return number(noise.sqnr_db)


def number(value: float) -> str:
    """Return a number of dB; where nothing is lost it is infinite."""
    return f"{value:.1f}" if math.isfinite(value) else "exact"


def _change(noise: Noise, before: Trial | None) -> str:
    if before is None or not (noise.apart and before.outputs.apart):
        return ""
    return f" ({noise.sqnr_db - before.outputs.sqnr_db:+.1f})"


def _points(trial: Trial, before: Trial | None) -> str:
    gain = None if before is None else trial.scores.gain_over(before.scores)
    return "" if gain is None else f" ({gain.value:+.2f} points; {_ends(gain, '+')})"


def _ends(interval: Interval, sign: str = "", digits: int = 1) -> str:
    low, high = (f"{end:{sign}.{digits}f}" for end in (interval.low, interval.high))
    return f"95 %: {low} to {high}"
