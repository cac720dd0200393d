# SPDX-License-Identifier: Apache-2.0
"""``vamc validate``: check configuration files without building anything."""

import argparse
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from vackit.console import note, print_json, warn

if TYPE_CHECKING:
    from vackit.config.validate import Verdict
    from vackit.errors import Finding

HELP = "check build YAML, vdsp_params JSON and model_info JSON"
EXAMPLE = "vamc validate vacc_code/build/megvii_shufflenetv2.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the files and ``--set``."""
    parser.description = (
        f"{parser.description or ''}\n\n"
        "Prints everything that is wrong, with line and column; the files that a config\n"
        "names need not exist. A build YAML and a vdsp_params JSON given together are\n"
        "compared: calibration and runtime must prepare images alike."
    ).strip()
    parser.add_argument("files", nargs="+", metavar="FILE", type=Path, help="files to check")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY.PATH=VALUE",
        help="check as if the build YAML said this; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Check every file; 0 where all of them are fine, else 1."""
    from vackit.config.validate import validate_files

    verdicts = validate_files(args.files, args.set)
    is_valid = all(verdict.is_valid for verdict in verdicts)
    if args.json:
        print_json({"valid": is_valid, "files": [_to_json(verdict) for verdict in verdicts]})
        return int(not is_valid)
    for verdict in verdicts:
        _report(verdict)
    return int(not is_valid)


def _report(verdict: "Verdict") -> None:
    for finding in verdict.findings:
        note(str(finding))
    for remark in verdict.notes:
        warn(str(remark))
    if verdict.is_valid:
        print(f"{verdict.path}: valid {verdict.kind}")


def _to_json(verdict: "Verdict") -> dict[str, object]:
    return {
        "file": str(verdict.path),
        "kind": verdict.kind,
        "valid": verdict.is_valid,
        "findings": [_finding(finding) for finding in verdict.findings],
        "notes": [_finding(finding) for finding in verdict.notes],
    }


def _finding(finding: "Finding") -> dict[str, object]:
    return asdict(finding)
