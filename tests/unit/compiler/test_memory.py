# SPDX-License-Identifier: Apache-2.0
import ctypes
import sys
from pathlib import Path

import numpy as np
import pytest

from vackit.compiler.memory import give_back


@pytest.mark.skipif(
    not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="the C library has no malloc_trim"
)
def test_give_back_returns_what_lies_between_blocks_in_use() -> None:
    kept = [np.ones(8192) for _ in range(2000)]  # 64 KB each: from the heap, 128 MB
    last = kept.pop()
    kept.clear()
    before = _resident_mb()
    give_back()
    # the last block keeps the heap from shrinking by itself
    assert before - _resident_mb() > 64 or before < 128
    assert last.sum() == 8192


@pytest.mark.parametrize("error", [AttributeError, OSError, TypeError], ids=lambda e: e.__name__)
def test_give_back_does_nothing_where_the_c_library_cannot(
    monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    asked = []

    def no_library(name: str | None) -> None:
        asked.append(name)
        raise error

    monkeypatch.setattr(ctypes, "CDLL", no_library)
    give_back()
    assert asked == [None]


def _resident_mb() -> float:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS"))
