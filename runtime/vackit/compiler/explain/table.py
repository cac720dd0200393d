# SPDX-License-Identifier: Apache-2.0
"""An explanation as text for a terminal."""

import textwrap
from collections.abc import Sequence

from vackit.compiler.explain.causes import ODD
from vackit.compiler.explain.evidence import Cause
from vackit.compiler.explain.explanation import Explanation, Row
from vackit.compiler.explain.patches import Patch
from vackit.compiler.explain.trials import Trial
from vackit.compiler.explain.words import (
    COLUMNS,
    advice,
    cells,
    db,
    effect,
    evened_lines,
    no_cure,
    verdict,
)

_HEADS = ("#", "node", "kind", *(name for name, _ in COLUMNS))
_WIDTH = 100
_LONGEST_NAME = 44
MOST_ODD = 4


def table(explanation: Explanation, num_rows: int | None = None) -> str:
    """Return the whole text.

    Args:
        explanation: What to print.
        num_rows: Of the worst nodes; None: all.
    """
    rows, rest = explanation.rows[:num_rows], explanation.rows[num_rows or len(explanation.rows) :]
    odd = sorted((row for row in rest if oddness(row)), key=_oddest)[:MOST_ODD]
    grid = _grid(rows) + (f"\n... and {len(rest)} better ones (--all)" if rest else "")
    parts = [
        "\n".join(_summary(explanation)),
        f"{grid}\n\n{_legend(explanation)}",
        "\n".join(["likely causes", *(line for row in rows for line in _causes(row, row.causes))]),
        "\n".join(_odd(odd)),
        "\n".join(_evened(explanation)),
        "\n".join(_cures(explanation)),
    ]
    return "\n\n".join(part for part in parts if part)


def _summary(explanation: Explanation) -> list[str]:
    count = explanation.scores.num_images
    lines = [f"{explanation.prefix}: {len(explanation.rows)} nodes, {count} images of"]
    lines[0] += f" {explanation.images}"
    faulty = sum(row.is_faulty for row in explanation.rows)
    if faulty:
        lines.append(f"{faulty} of the nodes are not as a build makes them: see the first causes")
    for name, noise in explanation.outputs.items():
        lines.append(f"output {name}: {db(noise)} dB, cosine {noise.cosine:.5f}")
    lines += verdict(explanation.scores)
    latency = explanation.before.latency
    if latency is not None:
        lines.append(
            f"emulated, one thread, batch 1: int8 {latency.median_ms:.2f} ms, float32 "
            f"{explanation.float_latency.median_ms:.2f} ms (medians of {len(latency.rounds_ms)} "
            "runs in turns)"
        )
    return lines


def _grid(rows: Sequence[Row]) -> str:
    lines = [_HEADS]
    for row in rows:
        name = shortened(row.block.name, _LONGEST_NAME)
        lines.append((str(row.rank), name, row.block.kind, *cells(row)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(_HEADS))]
    texts = []
    for line in lines:
        text = [
            cell.ljust(width) if i in (1, 2) else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        texts.append("  ".join(text).rstrip())
    return "\n".join(texts)


def _legend(explanation: Explanation) -> str:
    lines = [f"{name}: {text}" for name, text in COLUMNS if name != "cosine"]
    few = explanation.num_sensitivity_images
    words = (
        f"signal to noise, higher is better. {'; '.join(lines)}. Ordered by the lower of alone "
        f"and outputs (measured on {few} of the images); faulty nodes, and nodes of which most "
        "channels are lost, come first"
    )
    return textwrap.fill(words, _WIDTH, initial_indent="     ", subsequent_indent="     ")


def oddness(row: Row) -> float:
    """Return by how much a node stands out, whatever it does to these images; 0: not at all."""
    return max((cause.factor for cause in row.causes if cause.kind in ODD), default=0.0)


def _oddest(row: Row) -> tuple[float, int]:
    return -oddness(row), row.rank


def _causes(row: Row, causes: Sequence[Cause]) -> list[str]:
    first, *others = causes
    told = [first, *(cause for cause in others if cause.kind in ODD)]
    text = "; ".join(f"{cause.text} [{cause.kind}]" for cause in told)
    return _wrapped(f"{row.rank:3}  ", f"{row.block.name}: {text}")


def _odd(rows: Sequence[Row]) -> list[str]:
    lines = ["further down, but out of the ordinary"] if rows else []
    for row in rows:
        lines += _causes(row, [cause for cause in row.causes if cause.kind in ODD])
    return lines


def _evened(explanation: Explanation) -> list[str]:
    lines = [f"     {line}" for line in evened_lines(explanation)]
    return ["mended by the build (equalization)", *lines] if lines else []


def _cures(explanation: Explanation) -> list[str]:
    if not any(row.trials for row in explanation.rows):
        return []
    lines = ["cures, each made and measured on these images"]
    lines += _wrapped("     ", f"as it is: {effect(explanation.before)}")
    told: dict[Patch, int] = {}
    for row in explanation.rows:
        if row.cure is not None and row.cure.patch in told:
            lines.append(f"{row.rank:3}  the same as {told[row.cure.patch]}")
        elif row.cure is not None:
            told[row.cure.patch] = row.rank
            lines += _cure(f"{row.rank:3}", row.cure, explanation)
        elif row.trials:
            lines.append(f"{row.rank:3}  {row.block.name}: {no_cure(row)}")
    if explanation.together is not None:
        lines += _cure("all", explanation.together, explanation)
    if explanation.advised is not None:
        yaml = explanation.advised.yaml
        lines += ["", *advice(explanation), *([yaml] if yaml else [])]
    return lines


def _cure(name: str, trial: Trial, explanation: Explanation) -> list[str]:
    measured = effect(trial, explanation.before)
    return [*_wrapped(f"{name}  ", str(trial.patch)), *_wrapped("       ", measured)]


def _wrapped(start: str, text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    )


def shortened(name: str, length: int) -> str:
    """Return ``name``, its middle left out where it is longer than ``length``."""
    if len(name) <= length:
        return name
    half = (length - 1) // 2
    return f"{name[:half]}…{name[-(length - 1 - half) :]}"
