# SPDX-License-Identifier: Apache-2.0
"""What a program finds around it beside the published modules: quiet libraries, older names.

The modules that programs import (`vackit.compat.shims`) prepare all of it when they are
imported, so a program has it whether `runstream` runs it, another program that it started,
or ``python`` with their folder on ``PYTHONPATH``.
"""

import logging
import os
import sys
import warnings

from vackit.compat.former.numpy_names import print_numbers_bare
from vackit.compat.former.opencv_results import restore_opencv_results
from vackit.compat.former.restore import restore_names
from vackit.compat.losses import watch_threads

# what OpenCV and the FFmpeg in it would print of their own
_QUIET = {"OPENCV_LOG_LEVEL": "SILENT", "OPENCV_FFMPEG_LOGLEVEL": "-8"}
# what newer versions of Python and of libraries say of programs older than they are
_AGE_WARNINGS = (SyntaxWarning, DeprecationWarning)


def prepare() -> None:
    """Make a process ready for a program; twice is harmless.

    Where the log of the library has a handler already, somebody has chosen what is said:
    then nothing is silenced.
    """
    logger = logging.getLogger("vackit")
    if not logger.handlers:
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
        quiet_libraries()
        _quiet_opencv()
    restore_names()
    restore_opencv_results()
    print_numbers_bare()
    watch_threads()


def quiet_libraries() -> None:
    """Keep libraries from printing, here and in processes started from here.

    What the environment or ``python -W`` say already stays.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:
        for kind in _AGE_WARNINGS:
            warnings.simplefilter("ignore", kind)
        spoken = ",".join(f"ignore::{kind.__name__}" for kind in _AGE_WARNINGS)
        os.environ["PYTHONWARNINGS"] = os.environ.get("PYTHONWARNINGS") or spoken


def _quiet_opencv() -> None:
    """Silence an OpenCV that was imported before its variable was set."""
    opencv = sys.modules.get("cv2")
    if opencv is not None and os.environ["OPENCV_LOG_LEVEL"] == _QUIET["OPENCV_LOG_LEVEL"]:
        opencv.utils.logging.setLogLevel(opencv.utils.logging.LOG_LEVEL_SILENT)
