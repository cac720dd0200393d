# SPDX-License-Identifier: Apache-2.0
"""Launcher of the command ``valprep``, from any folder, installed or not."""

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(_ROOT / "runtime"), str(_ROOT / "tools")]

from image2npz.valprep import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
