# SPDX-License-Identifier: Apache-2.0
"""The environment variables that this project reads; nothing else reads any.

``VACKIT_DEVICE``     the device where a caller leaves the choice open
``VACKIT_PLUGINS``    narrows the plug-ins: ``none``, or device or distribution names
``VACKIT_OPS``        files with custom operators for programs, as ``PATH`` lists folders
``VACKIT_CACHE_DIR``  where calibration statistics are kept
``XDG_CACHE_HOME``    the folder of all caches where ``VACKIT_CACHE_DIR`` says nothing
"""

import os
from pathlib import Path

DEVICE_VARIABLE = "VACKIT_DEVICE"
PLUGINS_VARIABLE = "VACKIT_PLUGINS"
OPS_VARIABLE = "VACKIT_OPS"
CACHE_VARIABLE = "VACKIT_CACHE_DIR"


def variable(name: str) -> str | None:
    """Return what an environment variable says; None where it is not set."""
    return os.environ.get(name)


def cache_dir() -> Path:
    """Return the folder for what can be made again; it may not be there yet.

    ``$VACKIT_CACHE_DIR``, else ``$XDG_CACHE_HOME/vackit``, else ``~/.cache/vackit``. As the
    XDG Base Directory Specification asks, a relative ``XDG_CACHE_HOME`` counts as not set.
    """
    if own := variable(CACHE_VARIABLE):
        return Path(own).expanduser()
    shared = Path(variable("XDG_CACHE_HOME") or "")
    return (shared if shared.is_absolute() else Path.home() / ".cache") / "vackit"
