# SPDX-License-Identifier: Apache-2.0
"""``vamc devices``: which devices there are, and why one cannot be used."""

import argparse
from typing import TYPE_CHECKING, Any

from vackit.console import print_json

if TYPE_CHECKING:
    from vackit.devices.registry import DeviceEntry

HELP = "list the devices and what they run"
EXAMPLE = "vamc devices"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add nothing: the command takes only the common flags."""


def run(args: argparse.Namespace) -> int:
    """Print the table of devices."""
    from vackit.devices.registry import device_table

    entries = device_table()
    if args.json:
        print_json([_to_json(entry) for entry in entries])
    else:
        rows = [("device", "from", "available", "runs"), *map(_row, entries)]
        widths = [max(len(row[i]) for row in rows) for i in range(3)]
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            print("  ".join([*cells, row[3]]))
    return 0


def _to_json(entry: "DeviceEntry") -> dict[str, Any]:
    capabilities = entry.capabilities
    return {
        "device": entry.name,
        "distribution": entry.distribution,
        "available": entry.is_available,
        "reason": entry.reason,
        "remark": entry.remark,
        "dtypes": list(capabilities.dtypes) if capabilities else [],
        "max_batch": capabilities.max_batch if capabilities else None,
        "emulated": capabilities.emulated if capabilities else None,
    }


def _row(entry: "DeviceEntry") -> tuple[str, str, str, str]:
    if not entry.is_available or entry.capabilities is None:
        return entry.name, entry.distribution, "no", entry.reason
    runs = ", ".join(entry.capabilities.dtypes)
    if entry.capabilities.max_batch is not None:
        runs += f"; batch up to {entry.capabilities.max_batch}"
    runs += "; emulated" * entry.capabilities.emulated
    return entry.name, entry.distribution, "yes", "; ".join(filter(None, (runs, entry.remark)))
