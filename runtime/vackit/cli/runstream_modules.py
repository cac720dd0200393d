# SPDX-License-Identifier: Apache-2.0
"""The published modules on the search path: of a program, and of those that it starts."""

import importlib.util
import os
import shutil
import sys
from pathlib import Path

_VARIABLE = "PYTHONPATH"


def modules_folder() -> str:
    """Return the folder that holds the modules under their published names."""
    from vackit.compat import shims

    return next(iter(shims.__path__))


def set_search_path(folder: Path, *, emulate: bool) -> None:
    """Let imports find what stands in ``folder``, and the published modules.

    These come last, behind an installed module of the same name; with ``emulate`` they
    come before it. Processes that the program starts find them too: through
    ``PYTHONPATH``, which comes before what is installed, so it is left as it is where
    an installed module is the choice; and their ``python`` is this one.
    """
    published = modules_folder()
    before = [entry for entry in sys.path if entry not in (_own_folder(), published)]
    sys.path[:] = before
    importlib.invalidate_caches()
    if emulate or importlib.util.find_spec("vaststreamx") is None:
        others = [entry for entry in os.environ.get(_VARIABLE, "").split(os.pathsep) if entry]
        handed = [published, *(entry for entry in others if entry != published)]
        os.environ[_VARIABLE] = os.pathsep.join(handed)
        _lead_path(Path(sys.executable).parent)
    installed = [published, *before] if emulate else [*before, published]
    sys.path[:] = [str(folder.absolute()), *installed]


def _lead_path(folder: Path) -> None:
    """Let ``python`` mean the interpreter in ``folder``, where a virtual environment is off."""
    python = shutil.which("python3") or shutil.which("python")
    if sys.prefix != sys.base_prefix and (python is None or Path(python).parent != folder):
        os.environ["PATH"] = os.pathsep.join([str(folder), os.environ.get("PATH", os.defpath)])


def _own_folder() -> str | None:
    """Return the folder of the command itself, which Python puts first on the path."""
    first = sys.path[0] if sys.path else ""
    own = Path(sys.argv[0]).parent
    return first if first and not sys.flags.safe_path and Path(first) == own.resolve() else None
