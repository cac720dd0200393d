# SPDX-License-Identifier: Apache-2.0
"""Which instructions of this CPU decide how int8 and float16 arithmetic is done."""

import platform
from functools import cache
from pathlib import Path

_CPUINFO = Path("/proc/cpuinfo")
_ARITHMETIC = (
    # x86, as Linux names them
    "sse4_1", "avx", "f16c", "fma", "avx2", "avx_vnni", "avx512f", "avx512bw", "avx512vl",
    "avx512_vnni", "avx512_bf16", "avx512_fp16", "amx_int8", "amx_bf16",
    # Arm
    "asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "sme",
)  # fmt: skip
# each adds uint8 x int8 products up in 32 bits; AVX2 alone does so in 16, which saturate
_EXACT_U8S8 = frozenset({"avx_vnni", "avx512_vnni", "amx_int8"})


@cache
def cpu_isa() -> tuple[str, ...]:
    """Return the instruction sets that ONNX Runtime's kernels choose between.

    On Linux the flags of the first processor in ``/proc/cpuinfo``, narrowed to those that
    matter; elsewhere the name of the architecture (``("arm64",)``).
    """
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return (platform.machine(),)
    return flags_of(text) or (platform.machine(),)


def has_exact_u8s8() -> bool:
    """Tell whether this x86 CPU is known to multiply uint8 by int8 without saturating."""
    return not _EXACT_U8S8.isdisjoint(cpu_isa())


def is_x86() -> bool:
    """Tell whether the processor is one of the x86 family."""
    return platform.machine().lower() in ("x86_64", "amd64", "i686", "i386", "x86")


def flags_of(cpuinfo: str) -> tuple[str, ...]:
    """Return the arithmetic flags of the first processor of a ``/proc/cpuinfo``."""
    for line in cpuinfo.splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("flags", "Features"):
            present = set(value.split())
            return tuple(flag for flag in _ARITHMETIC if flag in present)
    return ()


@cache
def cpu_model() -> str:
    """Return the processor's name as Linux gives it, elsewhere its architecture."""
    try:
        text = _CPUINFO.read_text(encoding="ascii", errors="replace")
    except OSError:
        return platform.machine()
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return platform.machine()
