# SPDX-License-Identifier: Apache-2.0
"""The table at the end of the demo."""

from typing import Any

COLUMNS = {"fp32": "float32", "int8": "int8"}
WIDTH = 22
LOAD_KEYS = ("batch_size", "instances", "processes")


def format_table(report: dict[str, Any]) -> str:
    """Return the numbers of one walk along the road as text.

    Args:
        report: What `Road.walk` returned, and ``seconds``, how long the demo took.
    """
    accuracy = [report["accuracy"][dtype] for dtype in COLUMNS]
    speed = [report["speed"][dtype] for dtype in COLUMNS]
    rows = [_row("", list(COLUMNS.values()))]
    for rank in ("top1", "top5"):
        rows.append(_row(f"{rank[:3]}-{rank[3:]}", [_share(one, rank) for one in accuracy]))
        rows.append(_row("  95 % interval", [_interval(one, rank) for one in accuracy]))
    throughput = [f"{one['throughput_samples_per_s']:.0f}" for one in speed]
    rows.append(_row("throughput (samples/s)", throughput))
    for percentile in ("p50", "p90", "p99"):
        latency = [f"{one[f'latency_{percentile}_ms']:.3f}" for one in speed]
        rows.append(_row(f"latency {percentile} (ms)", latency))
    title = f"{report['model']} on {report['n']} handwritten digits that it was not trained on"
    return "\n".join([title, "", *rows, "", *_notes(report)])


def _row(name: str, cells: list[str]) -> str:
    return (f"{name:<26}" + "".join(f"{cell:<{WIDTH}}" for cell in cells)).rstrip()


def _share(scores: dict[str, Any], rank: str) -> str:
    return f"{scores[rank]:.2f} % ({scores[f'{rank}_count']}/{scores['n']})"


def _both(scores: dict[str, Any]) -> str:
    return f"top-1 {_share(scores, 'top1')}, top-5 {_share(scores, 'top5')}"


def _interval(scores: dict[str, Any], rank: str) -> str:
    low, high = scores[f"{rank}_interval_95"]
    return f"{low:.2f} to {high:.2f}"


def _notes(report: dict[str, Any]) -> list[str]:
    streamed, record, speed = report["runstream_int8"], report["recorded"], report["speed"]["int8"]
    lines = [
        f"int8 through runstream and eval_topk: {_both(streamed)}",
        f"float32 as recorded after training: top-1 {_share(record, 'top1')}",
        f"speed: {_load(speed)}; timed: {speed['timed']}",
    ]
    if any(report["speed"][dtype]["emulated"] for dtype in COLUMNS):
        lines.append(
            f"emulated: {_device(speed['device'])}, on this computer's CPU; "
            "a card's speed and rounding are its own"
        )
    return [*lines, f"whole demo: {report['seconds']:.1f} s"]


def _load(speed: dict[str, Any]) -> str:
    counts = ", ".join(f"{key.replace('_', ' ')} {speed[key]}" for key in LOAD_KEYS)
    return f"{counts}, {speed['duration_s']:.1f} s each"


def _device(device: dict[str, Any]) -> str:
    parts = [
        f"{key} {'+'.join(value) if isinstance(value, list) else value}"
        for key, value in device.items()
        if key not in ("device", "emulated")
    ]
    return f"{device['device']} ({', '.join(parts)})"
