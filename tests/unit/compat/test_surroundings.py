# SPDX-License-Identifier: Apache-2.0
"""What a program finds around it: silence, unless somebody reads it."""

import logging
import os
import subprocess
import sys

import numpy as np
import pytest

from vackit.compat import surroundings


def test_a_log_that_somebody_reads_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENCV_LOG_LEVEL", raising=False)
    logger = logging.getLogger("vackit")
    handler = logging.NullHandler()
    logger.addHandler(handler)
    try:
        with np.printoptions():
            surroundings.prepare()
    finally:
        logger.removeHandler(handler)
    assert "OPENCV_LOG_LEVEL" not in os.environ


def test_a_user_who_wants_to_see_warnings_sees_them() -> None:
    code = (
        "from vackit.compat.surroundings import prepare; prepare()\n"
        "import warnings; warnings.warn('old', DeprecationWarning)\n"
    )
    for option, seen in (("-Wdefault", True), ("-Wignore", False)):
        done = subprocess.run(
            [sys.executable, option, "-c", code], capture_output=True, text=True, check=True
        )
        assert ("old" in done.stderr) is seen
