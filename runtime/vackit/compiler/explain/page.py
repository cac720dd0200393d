# SPDX-License-Identifier: Apache-2.0
"""An explanation as one HTML file: no script, nothing loaded from elsewhere."""

import math
from html import escape

from vackit.compiler.explain.explanation import Explanation, Row
from vackit.compiler.explain.plots import Series, bars, histogram, lines
from vackit.compiler.explain.ranking import is_crippled
from vackit.compiler.explain.style import CSS
from vackit.compiler.explain.trials import Trial
from vackit.compiler.explain.value_causes import channel_reach
from vackit.compiler.explain.weight_causes import channel_maxima
from vackit.compiler.explain.words import (
    COLUMNS,
    advice,
    cells,
    db,
    effect,
    evened_lines,
    no_cure,
    number,
    verdict,
)

# the worst blocks that get plots of their own
NUM_CARDS = 6
NUM_MARKS = 3


def page(explanation: Explanation) -> str:
    """Return the page."""
    title = f"vackit explain: {escape(explanation.name)}"
    parts = [
        f"<h1>{escape(explanation.name)}: what int8 costs, and where</h1>",
        _subtitle(explanation),
        _tiles(explanation),
        _faults(explanation),
        _along(explanation),
        _cures(explanation),
        _evened(explanation),
        "<h2>The worst nodes</h2>",
        *(_card(row, explanation.before) for row in explanation.rows[:NUM_CARDS]),
        _all_rows(explanation),
        _flips(explanation),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{CSS}</style></head>\n<body>"
        + "\n".join(part for part in parts if part)
        + "</body></html>\n"
    )


def _subtitle(explanation: Explanation) -> str:
    return (
        f'<p class="soft small"><span class="name">{escape(explanation.prefix)}</span>, '
        f"{explanation.scores.num_images} images of "
        f'<span class="name">{escape(explanation.images)}</span></p>'
    )


def _tiles(explanation: Explanation) -> str:
    scores = explanation.scores
    tiles = [
        (f"{db(noise)} dB", f"SQNR of {escape(name)}, cosine {noise.cosine:.4f}")
        for name, noise in explanation.outputs.items()
    ]
    if scores.top1_integer is not None and scores.top1_floating is not None:
        tiles.append(
            (f"{scores.top1_integer:.2f} %", f"top-1 in int8; float32 {scores.top1_floating:.2f} %")
        )
    if scores.agreement is not None:
        tiles.append((f"{scores.agreement.value:.2f} %", "images of the same class as in float32"))
    if explanation.before.latency is not None:
        floating = explanation.float_latency.median_ms
        text = f"emulated, one thread, batch 1; float32 {floating:.2f} ms"
        tiles.append((f"{explanation.before.latency.median_ms:.2f} ms", text))
    inner = "".join(
        f'<div class="tile"><b>{value}</b><span class="soft small">{text}</span></div>'
        for value, text in tiles
    )
    told = "".join(f'<p class="soft small">{escape(line)}</p>' for line in verdict(scores))
    return f'<div class="tiles">{inner}</div>{told}'


def _faults(explanation: Explanation) -> str:
    count = sum(row.is_faulty for row in explanation.rows)
    if not count:
        return ""
    return (
        f'<p><span class="badge bad">{count} of the nodes are not as a build makes them</span> '
        "The first causes below say how.</p>"
    )


def _along(explanation: Explanation) -> str:
    rows = sorted(explanation.rows, key=lambda row: row.index)
    series = [
        Series("at the outputs", "outputs", [_finite(row.at_outputs.sqnr_db) for row in rows]),
        Series("alone", "single", [_finite(row.statistics.single.sqnr_db) for row in rows]),
        Series("accumulated", "entire", [_finite(row.statistics.entire.sqnr_db) for row in rows]),
    ]
    marks = {row.index: str(row.rank) for row in rows if row.rank <= NUM_MARKS}
    names = [row.block.name for row in rows]
    plot = lines(series, names, marks, "SQNR of every node from the input to the output")
    return (
        "<h2>Error along the network</h2>"
        '<p class="soft small">Signal to quantization noise, higher is better. Dashed marks: the '
        "worst nodes.</p>"
        '<p class="legend small"><span><i class="single"></i>this node alone in int8, at its own '
        'output</span><span><i class="outputs"></i>this node alone, at the network\'s outputs'
        '</span><span><i class="entire"></i>accumulated to there</span></p>' + plot
    )


def _cures(explanation: Explanation) -> str:
    before = explanation.before
    if not any(row.trials for row in explanation.rows):
        return ""
    lines_of: list[tuple[str, Trial]] = [("as it is", before)]
    seen = {before.patch}
    for row in explanation.rows:
        if row.cure is not None and row.cure.patch not in seen:
            seen.add(row.cure.patch)
            lines_of.append((str(row.cure.patch), row.cure))
    if explanation.together is not None:
        lines_of.append(("all of these", explanation.together))
    body = "".join(
        f'<tr><td class="name patch">{escape(text)}</td><td>'
        f"{escape(effect(trial, before if trial is not before else None))}</td></tr>"
        for text, trial in lines_of
    )
    best = explanation.advised
    patch = "".join(f"<p>{escape(line)}</p>" for line in advice(explanation))
    if best is None:
        patch = "<p>None of the patches that were tried gains anything worth writing down.</p>"
    elif best.yaml:
        patch += f"<pre>{escape(best.yaml)}</pre>"
    return (
        "<h2>Cures</h2>"
        '<p class="soft small">Every patch is made and measured on these images. Latencies are '
        "the emulator's, one thread, batch 1; not a card's.</p>"
        f'<div class="scroll"><table><tr><th>patch</th><th>measured</th></tr>{body}</table></div>'
        + patch
    )


def _evened(explanation: Explanation) -> str:
    items = "".join(f"<li>{escape(line)}</li>" for line in evened_lines(explanation))
    if not items:
        return ""
    text = "Nodes of the model whose channels lie far apart; the build has evened them out."
    return f'<h2>Mended already</h2><p class="soft small">{text}</p><ul>{items}</ul>'


def _card(row: Row, before: Trial) -> str:
    statistics = row.statistics
    badges = [f'<span class="badge">{escape(row.block.kind)}</span>']
    if row.is_faulty:
        badges.append('<span class="badge bad">not as a build makes it</span>')
    if is_crippled(statistics):
        badges.append('<span class="badge bad">most channels lost</span>')
    causes = "".join(
        f'<p><span class="badge">{escape(cause.kind)}</span> {escape(cause.text)}</p>'
        for cause in row.causes
    )
    numbers = (
        f"alone {db(statistics.single)} dB, its middle channel "
        f"{number(statistics.channels.typical_db)} dB, at the outputs {db(row.at_outputs)} dB; "
        f"accumulated {db(statistics.entire)} dB; {row.weights_share:.0%} of its own error from "
        "its weights"
    )
    cure = ""
    if row.cure is not None:
        cure = (
            f'<p class="small">mended by <span class="name">{escape(str(row.cure.patch))}</span>: '
            f"{escape(effect(row.cure, before))}</p>"
        )
    elif row.trials:
        cure = f'<p class="small soft">{no_cure(row)}</p>'
    return (
        f'<div class="card"><h3>{row.rank}. <span class="name">{escape(row.block.name)}</span> '
        f'{" ".join(badges)}</h3><p class="soft small">{numbers}</p>{causes}{cure}'
        f'<div class="pair">{_plots(row)}</div></div>'
    )


def _plots(row: Row) -> str:
    block, statistics = row.block, row.statistics
    found = []
    if block.weights is not None:
        # with a scale for each channel none is too small for it
        level = None if block.weights.scale.ndim else 8 * float(block.weights.scale)
        maxima, name = channel_maxima(block.weights), "8 steps of the weights"
        plot = bars(maxima, "channel", level, name, "largest weight of each output channel")
        found.append(("largest weight of each output channel", plot))
    if block.step is not None:
        found.append(
            (
                "its values as integers: how often each occurs",
                histogram(
                    statistics.histogram, block.step.low, block.step.high, "histogram of integers"
                ),
            )
        )
        level, name = 8 * block.step.scale, "8 steps of the values"
        plot = bars(channel_reach(statistics), "channel", level, name, "largest value per channel")
        found.append(("largest value of each channel", plot))
    return "".join(
        f'<div><p class="soft small">{escape(text)}</p>{plot}</div>' for text, plot in found if plot
    )


def _all_rows(explanation: Explanation) -> str:
    titles = "".join(
        f'<th class="number" title="{escape(text)}">{name}</th>' for name, text in COLUMNS
    )
    head = f"<th>#</th><th>node</th><th>kind</th>{titles}<th>likely cause</th>"
    body = "".join(_row(row) for row in explanation.rows)
    return (
        f"<h2>All nodes, the worst first</h2><div class='scroll'><table><tr>{head}</tr>{body}"
        "</table></div>"
    )


def _row(row: Row) -> str:
    numbers = "".join(f'<td class="number">{text}</td>' for text in cells(row))
    return (
        f'<tr><td>{row.rank}</td><td class="name">{escape(row.block.name)}</td>'
        f"<td>{escape(row.block.kind)}</td>{numbers}<td>{escape(row.causes[0].kind)}</td></tr>"
    )


def _flips(explanation: Explanation) -> str:
    flips = explanation.scores.flips
    if explanation.scores.agreement is None:
        return ""
    if not flips:
        return "<h2>Flips</h2><p>Every image has the same class first as in float32.</p>"
    body = "".join(
        f'<tr><td class="name">{escape(flip.image)}</td><td class="number">{flip.floating}</td>'
        f'<td class="number">{flip.integer}</td>'
        f'<td class="number">{"" if flip.label is None else flip.label}</td>'
        f"<td>{_verdict(flip.floating, flip.integer, flip.label)}</td></tr>"
        for flip in flips
    )
    count = sum(p.floating != p.integer for p in explanation.scores.predictions)
    return (
        f"<h2>Flips</h2><p>{count} images have another class first than in float32.</p>"
        '<div class="scroll"><table><tr><th>image</th><th class="number">float32</th>'
        '<th class="number">int8</th><th class="number">true</th><th></th></tr>'
        f"{body}</table></div>"
    )


def _verdict(floating: int, integer: int, label: int | None) -> str:
    if label is None:
        return ""
    if integer == label:
        return '<span class="up">right now</span>'
    return '<span class="down">wrong now</span>' if floating == label else "wrong in both"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
