# SPDX-License-Identifier: Apache-2.0
"""``vamp``: measure the speed of an artifact, or run it over a datalist."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from vackit.cli.vamp_flags import DEFAULT_SECONDS, DEFAULT_WARMUP, make_parser, without_strays
from vackit.console import note, print_json, run_command
from vackit.errors import UsageError

if TYPE_CHECKING:
    from vackit.config.vdsp import VdspParams
    from vackit.devices.base import Device


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``vamp``."""
    given = sys.argv[1:] if argv is None else argv
    return run_command(make_parser(), _run, without_strays(given))


def _run(args: argparse.Namespace) -> int:
    from vackit.devices.registry import get_device

    if (args.datalist is None) != (args.path_output is None):
        given, missing = ("--datalist", "--path_output")
        if args.datalist is None:
            given, missing = missing, given
        raise UsageError(
            f"{given} without {missing}",
            hint="--datalist FILE --path_output DIR write results; without both, vamp "
            "measures speed",
        )
    device = get_device(args.device, args.device_id)
    note(f"device: {device.label}")
    if args.hwconfig is not None and device.capabilities.emulated:
        note(f"--hwconfig {args.hwconfig}: no effect on the emulator")
    return _measure(args, device) if args.datalist is None else _infer(args, device)


def _measure(args: argparse.Namespace, device: "Device") -> int:
    from vackit.bench.inputs import parse_shapes
    from vackit.bench.load import LoadPlan
    from vackit.bench.speed import measure_speed

    plan = LoadPlan(
        prefix=Path(args.model),
        device=device.spec,
        vdsp=_vdsp(args),
        shapes=() if args.shape is None else parse_shapes(args.shape),
        instances=args.instance,
        processes=args.processes,
        batch_size=args.batch_size,
        warmup=DEFAULT_WARMUP if args.warmup is None else args.warmup,
        seconds=DEFAULT_SECONDS if args.time is None else args.time,
        iterations=args.iterations,
    )
    report = measure_speed(plan)
    if args.json:
        print_json(report.to_json())
    else:
        print(report.to_text())
    return 0


def _infer(args: argparse.Namespace, device: "Device") -> int:
    from vackit.bench.datalist import DatalistPlan, run_datalist

    for flag in ("shape", "time", "iterations", "warmup"):
        if getattr(args, flag) is not None:
            note(f"--{flag} has no effect with --datalist")
    plan = DatalistPlan(
        prefix=Path(args.model),
        device=device.spec,
        datalist=args.datalist,
        output=args.path_output,
        vdsp=_vdsp(args),
        workers=args.instance * args.processes,
        batch_size=args.batch_size,
        force=args.force,
    )
    report = run_datalist(plan)
    if args.json:
        print_json(report.to_json())
    else:
        print(report.to_text())
    return 0


def _vdsp(args: argparse.Namespace) -> "VdspParams | None":
    """Return the preprocessing of images; that of text says only that there is none."""
    from vackit.config.vdsp import load_vdsp_params

    params = None if args.vdsp_params is None else load_vdsp_params(args.vdsp_params)
    if params is None or not params.is_text:
        return params
    note(f"{params.op_type}: no preprocessing, the model gets tensors as they are")
    return None
