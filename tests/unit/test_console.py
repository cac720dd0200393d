# SPDX-License-Identifier: Apache-2.0
import argparse
import errno
import logging
import os

import pytest

from vackit import console
from vackit.errors import DataError, UsageError


def parser() -> console.Parser:
    made = console.Parser("tool", "Do a thing.", "tool --path_output out")
    made.add_argument("--path_output")
    console.add_common(made)
    return made


def run(error: BaseException | None, argv: list[str] | None = None) -> int:
    def body(_: argparse.Namespace) -> int:
        if error is not None:
            raise error
        return 0

    return console.run_command(parser(), body, argv or [])


def test_parser_takes_hyphens_for_underscores() -> None:
    assert parser().parse_args(["--path-output", "a-b"]).path_output == "a-b"
    assert parser().parse_args(["--path-output=a-b"]).path_output == "a-b"


def test_parser_refuses_abbreviations(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(None, ["--path", "x"]) == 2
    assert "unrecognized arguments: --path" in capsys.readouterr().err


def test_help_leads_with_the_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(None, ["--help"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("example:\n  tool --path_output out\n\nusage: tool")


def test_version_names_tools_and_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(None, ["--version"]) == 0
    out = capsys.readouterr().out
    for word in ("tool 0.", "python 3.", "onnxruntime 1.", "opencv ", "device plug-ins "):
        assert word in out


@pytest.mark.parametrize(
    ("error", "code", "text"),
    [
        (DataError("is empty", where="a.txt"), 1, "a.txt: is empty\n"),
        (UsageError("-b takes a number"), 2, "-b takes a number\n"),
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "out.npz"),
            1,
            "out.npz: no space left on device\n",
        ),
        (MemoryError(), 1, "out of memory\n  hint: use a smaller batch or fewer processes\n"),
        (
            ImportError("libGL.so.1: cannot open shared object file"),
            1,
            (
                "OpenCV needs libGL.so.1, a system library that is not installed\n"
                "  hint: apt-get install -y libgl1\n"
            ),
        ),
    ],
    ids=["user", "usage", "interrupt", "disk-full", "memory", "libgl"],
)
def test_run_command_reports_without_traceback(
    error: BaseException, code: int, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(error) == code
    assert capsys.readouterr().err == text


def test_run_command_shows_the_traceback_of_a_defect(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ZeroDivisionError("oops")) == 1
    err = capsys.readouterr().err
    assert "Traceback" in err
    assert "this is a defect in vackit" in err


def test_run_command_shows_the_chain_with_v(capsys: pytest.CaptureFixture[str]) -> None:
    error = DataError("unreadable", where="a.npz")
    error.__cause__ = ValueError("bad magic")
    assert run(error, ["-v"]) == 1
    assert "bad magic" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("verbose", "quiet", "shown"),
    [(0, False, ["warning"]), (1, False, ["warning", "info"]), (0, True, [])],
    ids=["default", "v", "quiet"],
)
def test_configure_logging_chooses_what_is_shown(
    verbose: int, quiet: bool, shown: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    console.configure_logging(verbose, quiet=quiet)
    logger = logging.getLogger("vackit.test")
    logger.warning("w")
    logger.info("i")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split(":")[0] for line in lines] == shown


def test_print_json_refuses_nan() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        console.print_json({"x": float("nan")})


def test_progress_yields_everything_where_stderr_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list(console.progress(range(3), "counting")) == [0, 1, 2]
    assert capsys.readouterr().err == ""
