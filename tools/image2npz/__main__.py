# SPDX-License-Identifier: Apache-2.0
"""``python tools/image2npz`` and ``python -m image2npz``."""

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
if not __package__:
    # run as a folder: the package's own files must not be top-level modules
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
    sys.path[:0] = [str(_HERE.parent.parent / "runtime"), str(_HERE.parent)]

from image2npz.cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
