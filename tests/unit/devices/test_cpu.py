# SPDX-License-Identifier: Apache-2.0
"""Which CPU flags are reported."""

import platform
from pathlib import Path

import pytest

from vackit.devices import cpu


def test_flags_of_keeps_the_arithmetic_of_the_first_processor() -> None:
    text = (
        "processor\t: 0\nmodel name\t: x\nflags\t\t: fpu avx2 sse4_1 avx512_vnni ht\n"
        "\nprocessor\t: 1\nflags\t\t: amx_int8\n"
    )
    assert cpu.flags_of(text) == ("sse4_1", "avx2", "avx512_vnni")


def test_flags_of_reads_arm() -> None:
    assert cpu.flags_of("Features\t: fp asimd asimddp i8mm\n") == ("asimd", "asimddp", "i8mm")


@pytest.mark.parametrize("content", [None, "no flags here\n"], ids=["no file", "no flags"])
def test_cpu_isa_names_the_architecture_when_flags_are_not_known(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    file = tmp_path / "cpuinfo"
    if content is not None:
        file.write_text(content)
    monkeypatch.setattr(cpu, "_CPUINFO", file)
    monkeypatch.setattr(platform, "machine", lambda: "riscv64")
    assert cpu.cpu_isa.__wrapped__() == ("riscv64",)


@pytest.mark.parametrize(
    ("machine", "answer"), [("x86_64", True), ("AMD64", True), ("aarch64", False)], ids=str
)
def test_is_x86_goes_by_the_architecture(
    monkeypatch: pytest.MonkeyPatch, machine: str, answer: bool
) -> None:
    monkeypatch.setattr(platform, "machine", lambda: machine)
    assert cpu.is_x86() is answer


@pytest.mark.parametrize(
    ("flags", "exact"),
    [
        (("avx2",), False),
        (("avx2", "avx_vnni"), True),
        (("avx512f", "avx512_vnni"), True),
        (("AMD64",), False),
    ],
    ids=["avx2", "avx-vnni", "avx512-vnni", "not-known"],
)
def test_has_exact_u8s8_with_vnni(
    monkeypatch: pytest.MonkeyPatch, flags: tuple[str, ...], exact: bool
) -> None:
    monkeypatch.setattr(cpu, "cpu_isa", lambda: flags)
    assert cpu.has_exact_u8s8() is exact
