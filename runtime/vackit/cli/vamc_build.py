# SPDX-License-Identifier: Apache-2.0
"""``vamc build``: compile a model as a build YAML says."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vackit import console
from vackit.cli.accuracy_flags import accuracy_rows, accuracy_wish, add_accuracy_flags
from vackit.errors import DeviceError, UsageError

if TYPE_CHECKING:
    from vackit.compiler.report import BuildReport
    from vackit.devices.base import Device

HELP = "compile a model as a build YAML says (`build` and `compile` are the same)"
EXAMPLE = (
    "vamc build vacc_code/build/timm_mobilenetv2.yaml "
    "--set frontend.checkpoint=mobilenetv2_100.onnx --set dataset.path=calib"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of ``vamc build``."""
    parser.add_argument("config", type=Path, metavar="X.yaml", help="the build YAML")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="override a key of the YAML; may be given several times; paths start from here",
    )
    parser.add_argument(
        "--force", action="store_true", help="replace a different artifact behind the prefix"
    )
    parser.add_argument(
        "--allow_code",
        action="store_true",
        help="let a CustomFunc of the YAML run its Python file",
    )
    parser.add_argument(
        "--no_reference",
        action="store_true",
        help="leave the float twin out of an int8 artifact; `vamc explain` needs it",
    )
    parser.add_argument(
        "--no_cache",
        action="store_true",
        help="calibrate anew, without the calibration cache (VACKIT_CACHE_DIR, ~/.cache/vackit)",
    )
    verify = parser.add_mutually_exclusive_group()
    verify.add_argument(
        "--verify",
        action="store_true",
        default=True,
        help="compare the float graph with the model after every pass, on random samples and on "
        "images of the dataset (the default)",
    )
    verify.add_argument(
        "--no_verify", dest="verify", action="store_false", help="leave that comparison out"
    )
    add_accuracy_flags(parser)
    parser.add_argument(
        "--device",
        metavar="NAME[:INDEX]",
        help="what to compile for (default: auto, a card if one answers, else the emulator)",
    )


def run(args: argparse.Namespace) -> int:
    """Build, then print where the artifact is and what it takes and returns."""
    from vackit.compiler.pipeline import build
    from vackit.config.build import load_build_config
    from vackit.devices.registry import get_device

    device = get_device(args.device)
    emulated = " (emulator)" if device.capabilities.emulated else ""
    console.note(f"device: {device.spec}{emulated}")
    accuracy = accuracy_wish(args)
    config = load_build_config(args.config, args.set)
    _check_dtype(device, config.backend.dtype)
    if accuracy is not None and config.backend.dtype != "int8":
        raise UsageError(f"--accuracy_drop is for int8; the build makes {config.backend.dtype}")
    report = build(
        config,
        force=args.force,
        allow_code=args.allow_code,
        reference=not args.no_reference,
        use_cache=not args.no_cache,
        accuracy=accuracy,
        verify=args.verify,
    )
    if args.json:
        console.print_json(report.to_json())
    else:
        print("\n".join(_lines(report)))
    return 0


def _check_dtype(device: "Device", dtype: str) -> None:
    if dtype not in device.capabilities.dtypes:
        raise DeviceError(
            f"device '{device.spec}' runs {', '.join(device.capabilities.dtypes)}, the build "
            f"asks for {dtype}",
            hint=f"--set backend.dtype={device.capabilities.dtypes[0]}",
        )


def _lines(report: "BuildReport") -> list[str]:
    rows = [("prefix", str(report.prefix)), ("dtype", report.dtype)]
    rows += [("input", str(spec)) for spec in report.inputs]
    rows += [("output", str(spec)) for spec in report.outputs]
    rows.append(("batch", "any" if report.max_batch is None else f"fixed to {report.max_batch}"))
    if report.calibration is not None:
        images, ranges = report.calibration["num_images"], report.calibration["num_ranges"]
        kind = "per channel" if report.calibration["per_channel"] else "per tensor"
        rows.append(
            ("calibration", f"{report.calibrate_mode}, {kind}, {images} images, {ranges} ranges")
        )
    rows += accuracy_rows(report.accuracy_drop)
    rows.append(("verified", _verified(report.verification or {})))
    rows += [("file", path.name) for path in report.files]
    state = "the same artifact stood here already" if report.unchanged else "written"
    rows.append(("result", f"{state}, {report.seconds:.1f} s"))
    return [f"{name.ljust(12)}{text}" for name, text in rows]


def _verified(verification: dict[str, Any]) -> str:
    if not verification.get("verified"):
        return "no"
    samples = f"{verification['random_samples']} random samples"
    if verification["images"]:
        samples += f", {verification['images']} images"
    return f"{samples}: outputs differ by {verification['largest_difference']:.0e} at most"
