# SPDX-License-Identifier: Apache-2.0
"""What a recorded number was measured on."""

import os
import platform
from typing import Any

from vackit._version import tool_versions
from vackit.devices.cpu import cpu_isa, cpu_model


def describe_machine(*distributions: str) -> dict[str, Any]:
    """Return the processor, the system and the versions of Python and ``distributions``."""
    return {
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "isa": list(cpu_isa()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        **tool_versions(*distributions),
    }
