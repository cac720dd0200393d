# SPDX-License-Identifier: Apache-2.0
"""The flags of ``vamp``."""

import argparse
from collections.abc import Sequence
from pathlib import Path

from vackit.console import Parser, add_common, warn, whole_number

DEFAULT_SECONDS = 5.0
DEFAULT_WARMUP = 10

_DESCRIPTION = f"""\
Measure the speed of a compiled artifact, or with --datalist run it over npz files.

Speed: every instance (-i) is a stream of its own that keeps one batch (-b) in flight:
it submits the samples, waits for all their results and submits the next. -p starts that
many processes, each with -i instances. The input is random: with --vdsp_params an image
of shape -s, and preprocessing is measured too; without, what the model takes, and only
inference is. Throughput counts samples; latency is one sample's, submit to result.
Of a text model (vdsp_params BERT_EMBEDDING_OP) -s may list all six token tensors.
Default: {DEFAULT_SECONDS:g} s after a warm-up of {DEFAULT_WARMUP} batches an instance.

Datalist: output_000000.npz, ... (float16) and vackit_results.json, which joins each
output to its input. An interrupted run goes on when it is started again."""
_SWITCHES = ("--force", "--json", "-v", "-vv", "--verbose", "--version", "-h", "--help")
_EXAMPLE = "vamp -m deploy_weights/resnet50/mod --vdsp_params resnet50-vdsp_params.json -i 2 -b 8"


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of ``vamp``."""
    parser = Parser("vamp", _DESCRIPTION, _EXAMPLE)
    add = parser.add_argument
    add("-m", "--model", metavar="PREFIX", required=True, help="the artifact's common path")
    add("--vdsp_params", type=Path, metavar="JSON", help="preprocessing of images")
    add(
        "-d",
        "--device_id",
        type=whole_number(0),
        metavar="N",
        help="index of the device (default 0)",
    )
    add(
        "--device", metavar="NAME[:N]",
        help="where to run (default: VACKIT_DEVICE, else a card if one answers, else the emulator)",
    )  # fmt: skip
    add(
        "-b",
        "--batch_size",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="samples together (1)",
    )
    add(
        "-i",
        "--instance",
        type=whole_number(1),
        default=1,
        metavar="N",
        help="streams a process (1)",
    )
    add(
        "-p", "--processes", type=whole_number(1), default=1, metavar="N",
        help="processes (1); with --datalist they count as further instances",
    )  # fmt: skip
    add("--hwconfig", metavar="FILE", help="a card's configuration; no effect on the emulator")
    speed = parser.add_argument_group("speed")
    speed.add_argument(
        "-s", "--shape", metavar="3,H,W",
        help="shape of the random input (default: the model's own); a list for several inputs",
    )  # fmt: skip
    length = speed.add_mutually_exclusive_group()
    length.add_argument(
        "-t", "--time", type=_seconds, metavar="S",
        help=f"seconds to measure ({DEFAULT_SECONDS:g})",
    )  # fmt: skip
    length.add_argument(
        "--iterations", type=whole_number(1), metavar="N",
        help="measure N batches of every instance instead",
    )  # fmt: skip
    speed.add_argument(
        "--warmup", type=whole_number(0), metavar="N",
        help=f"batches of every instance before the clock starts ({DEFAULT_WARMUP})",
    )  # fmt: skip
    data = parser.add_argument_group("datalist").add_argument
    data("--datalist", type=Path, metavar="FILE", help="text file with one npz path a line")
    data("--path_output", type=Path, metavar="DIR", help="folder of the outputs")
    data("--force", action="store_true", help="replace the results of another run")
    add_common(parser)
    return parser


def without_strays(argv: Sequence[str]) -> list[str]:
    """Return ``argv`` without a ``p N`` whose dash is missing, as published commands have it."""
    kept: list[str] = []
    rest = list(argv)
    while rest:
        value_expected = bool(kept) and kept[-1].startswith("-") and kept[-1] not in _SWITCHES
        if rest[0] == "p" and not value_expected and rest[1:] and rest[1].isdigit():
            warn(f"'p {rest[1]}' is ignored; write -p {rest[1]} to set the processes")
            rest = rest[2:]
        else:
            kept.append(rest.pop(0))
    return kept


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"'{text}' is no number of seconds above 0")
    return value
