# SPDX-License-Identifier: Apache-2.0
"""An explanation as text for a terminal."""

import math
import textwrap
from collections.abc import Sequence

from vackit.compiler.explain.explanation import Explanation, Row
from vackit.compiler.explain.noise import Noise
from vackit.compiler.explain.trials import Trial

_HEADS = (
    "#",
    "node",
    "kind",
    "alone dB",
    "cosine",
    "channel dB",
    "outputs dB",
    "entire dB",
    "cosine",
)
_WIDTH = 100
# what a node should not have, however little harm it does here
_ODD = frozenset({"foreign_weights", "outlier_channel", "outlier_weight", "evened_channel"})
MOST_ODD = 8
_LONGEST_NAME = 44


def table(explanation: Explanation, num_rows: int | None = None) -> str:
    """Return the whole text.

    Args:
        explanation: What to print.
        num_rows: Of the worst nodes; None: all.
    """
    rows = explanation.rows[:num_rows]
    parts = ["\n".join(_summary(explanation)), _grid(rows)]
    left_out = len(explanation.rows) - len(rows)
    if left_out > 0:
        parts[-1] += f"\n... and {left_out} better ones (--all)"
    parts.append("\n".join(_causes("likely causes", rows)))
    others = sorted((row for row in explanation.rows[len(rows) :] if oddness(row)), key=_oddest)
    parts.append("\n".join(_causes("further down, but out of the ordinary", others[:MOST_ODD])))
    parts.append("\n".join(_evened(explanation)))
    parts.append("\n".join(_cures(explanation)))
    return "\n\n".join(part for part in parts if part)


def _summary(explanation: Explanation) -> list[str]:
    count = explanation.scores.num_images
    lines = [
        f"{explanation.prefix}: {len(explanation.rows)} blocks, {count} images of "
        + explanation.images
    ]
    for name, noise in explanation.outputs.items():
        lines.append(f"output {name}: {_db(noise)} dB, cosine {noise.cosine:.5f}")
    lines.append(scores_line(explanation))
    if explanation.latency_ms and explanation.float_latency_ms:
        lines.append(
            f"emulated, one thread, batch 1: int8 {explanation.latency_ms:.2f} ms, "
            f"float32 {explanation.float_latency_ms:.2f} ms"
        )
    return [line for line in lines if line]


def scores_line(explanation: Explanation) -> str:
    """Return top-1 and agreement in one line; empty where the output names no class."""
    scores = explanation.scores
    if scores.agreement is None:
        return ""
    agreement = f"agreement with float32 {scores.agreement:.2f} %"
    if scores.top1_floating is None:
        return f"{agreement} of {scores.num_ranked} images (no labels)"
    return (
        f"top-1 int8 {scores.top1_integer:.2f} %, float32 {scores.top1_floating:.2f} % of "
        f"{scores.num_labeled} labeled images; {agreement}"
    )


def _grid(rows: tuple[Row, ...]) -> str:
    cells = [_HEADS, *(_cells(row) for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(_HEADS))]
    lines = []
    for line in cells:
        text = [
            cell.ljust(width) if i in (1, 2) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        lines.append("  ".join(text).rstrip())
    return "\n".join(lines)


def _cells(row: Row) -> tuple[str, ...]:
    statistics = row.statistics
    typical = statistics.channels.typical_db
    return (
        str(row.rank),
        shortened(row.block.name, _LONGEST_NAME),
        row.block.kind,
        _db(statistics.single),
        f"{statistics.single.cosine:.4f}",
        f"{typical:.1f}" if math.isfinite(typical) else "exact",
        _db(row.at_outputs),
        _db(statistics.entire),
        f"{statistics.entire.cosine:.4f}",
    )


def oddness(row: Row) -> float:
    """Return by how much a node stands out, whatever it does to these images; 0: not at all."""
    return max((cause.factor for cause in row.causes if cause.kind in _ODD), default=0.0)


def _oddest(row: Row) -> tuple[float, int]:
    return -oddness(row), row.rank


def _causes(title: str, rows: Sequence[Row]) -> list[str]:
    lines = [title] if rows else []
    for row in rows:
        cause = next((c for c in row.causes if c.kind in _ODD), row.causes[0])
        lines += textwrap.wrap(
            f"{row.block.name}: {cause.text} [{cause.kind}]",
            _WIDTH,
            initial_indent=f"{row.rank:3}  ",
            subsequent_indent="     ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    return lines


def _evened(explanation: Explanation) -> list[str]:
    lines = [f"     {line}" for line in evened_lines(explanation)]
    return ["mended by the build (equalization)", *lines] if lines else []


def evened_lines(explanation: Explanation) -> list[str]:
    """Return what the build has mended by itself, a line a node."""
    return [
        f"{name}: output channel {found['channel']} had {found['ratio_before']:g} times the "
        f"weights of the middle one, now the widest has {found['ratio_after']:g} times"
        for name, found in explanation.evened.items()
    ]


def _cures(explanation: Explanation) -> list[str]:
    before = explanation.before
    if not any(row.trials for row in explanation.rows):
        return []
    lines = ["cures, measured on these images", f"     as it is: {effect(before)}"]
    for row in explanation.rows:
        if row.cure is not None:
            lines += [f"{row.rank:3}  {row.cure.patch}", f"       {effect(row.cure, before)}"]
        elif row.trials:
            lines.append(f"{row.rank:3}  {row.block.name}: none of {len(row.trials)} patches helps")
    best = explanation.together
    if best is not None:
        lines += [f"all  {best.patch}", f"       {effect(best, before)}"]
    chosen = best or next((row.cure for row in explanation.rows if row.cure), None)
    if chosen is not None:
        lines += ["", advice(chosen), chosen.yaml]
    return lines


def advice(trial: Trial) -> str:
    """Return what to do with a trial's YAML, or where it changes no key."""
    if trial.yaml:
        return "to merge into the build YAML:"
    return "calibrate with more of such images: dataset.path, dataset.sampler.get_data_num"


def effect(trial: Trial, before: Trial | None = None) -> str:
    """Return what a trial measured, with its change from ``before``."""
    parts = [f"outputs {_db(trial.outputs)} dB{_change(trial.outputs, before)}"]
    scores = trial.scores
    if scores.top1_integer is not None:
        parts.append(f"top-1 {scores.top1_integer:.2f} %{_points(trial, before)}")
    elif scores.agreement is not None:
        parts.append(f"agreement {scores.agreement:.2f} %{_points(trial, before)}")
    if trial.latency_ms is not None:
        slower = ""
        if before is not None and before.latency_ms:
            slower = f" ({100 * (trial.latency_ms / before.latency_ms - 1):+.0f} %)"
        parts.append(f"{trial.latency_ms:.2f} ms emulated{slower}")
    if trial.is_rebuilt:
        parts.append("calibrated with these images")
    return ", ".join(parts)


def _change(noise: Noise, before: Trial | None) -> str:
    if before is None or not (noise.apart and before.outputs.apart):
        return ""
    return f" ({noise.sqnr_db - before.outputs.sqnr_db:+.1f})"


def _points(trial: Trial, before: Trial | None) -> str:
    if before is None:
        return ""
    now, then = trial.scores, before.scores
    if now.top1_integer is not None and then.top1_integer is not None:
        return f" ({now.top1_integer - then.top1_integer:+.2f})"
    if now.agreement is not None and then.agreement is not None:
        return f" ({now.agreement - then.agreement:+.2f})"
    return ""


def _db(noise: Noise) -> str:
    return f"{noise.sqnr_db:.1f}" if math.isfinite(noise.sqnr_db) else "exact"


def shortened(name: str, length: int) -> str:
    """Return ``name``, its middle left out where it is longer than ``length``."""
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-(length - 1 - half) :]}"
