# SPDX-License-Identifier: Apache-2.0
"""Keep notes that OpenCV prints about containers off stderr, which is the program's own."""

import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# OpenCV prints these whatever its log level is
_START = b"OpenCV: FFMPEG:"
_STDERR = 2
_lock = threading.Lock()


@contextmanager
def without_notes() -> Iterator[None]:
    """Drop OpenCV's notes on FFmpeg's tags; everything else printed meanwhile comes after."""
    with _lock, tempfile.TemporaryFile() as kept:
        try:
            stderr = os.dup(_STDERR)
        except OSError:  # closed: nothing can be printed
            yield
            return
        os.dup2(kept.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(stderr, _STDERR)
            os.close(stderr)
            kept.seek(0)
            for line in kept:
                if not line.startswith(_START):
                    os.write(_STDERR, line)
