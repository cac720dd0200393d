# SPDX-License-Identifier: Apache-2.0
"""Files that register custom operators, named by ``VACKIT_OPS``; each runs once a process.

`runstream` runs those of its ``--ops`` itself, and names them there for the processes that
the program starts.
"""

import os
import runpy
import threading
from collections.abc import Sequence
from pathlib import Path

from vackit.config.environment import OPS_VARIABLE, variable
from vackit.errors import StreamError

_lock = threading.RLock()
_loaded: set[str] = set()


def set_files(files: Sequence[Path]) -> None:
    """Name files that this process has run already."""
    paths = [str(path.absolute()) for path in files]
    _loaded.update(paths)
    os.environ[OPS_VARIABLE] = os.pathsep.join(paths)


def load_files() -> None:
    """Run what ``VACKIT_OPS`` names and has not run here.

    Raises:
        StreamError: A file is not there.
    """
    named = [path for path in (variable(OPS_VARIABLE) or "").split(os.pathsep) if path]
    with _lock:
        for path in named:
            if path in _loaded:
                continue
            if not Path(path).is_file():
                raise StreamError("no file of custom operators here", where=path,
                                  hint=f"{OPS_VARIABLE} names it")  # fmt: skip
            _loaded.add(path)
            runpy.run_path(path, run_name="vackit_ops")
