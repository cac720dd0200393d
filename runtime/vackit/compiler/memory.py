# SPDX-License-Identifier: Apache-2.0
"""Give freed memory back to the system."""

import ctypes


def give_back() -> None:
    """Let the system have what has been freed; where the C library cannot, do nothing.

    glibc keeps what lies between blocks in use for later. Each step of a build leaves some tens
    of megabytes of it, in other places than the next step needs.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # another C library; Windows
        return
