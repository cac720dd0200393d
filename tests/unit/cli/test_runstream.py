# SPDX-License-Identifier: Apache-2.0
"""``runstream``: whose options are whose, and whose words reach stderr."""

import logging
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from vackit.cli.runstream import main

Output = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    # restored afterwards, whatever the command sets; it leaves its marks, as threads of a
    # program may outlive it
    for name in ("VACKIT_DEVICE", "VACKIT_OPS", "PYTHONPATH", "PYTHONWARNINGS"):
        monkeypatch.setenv(name, "")
    monkeypatch.setenv("PATH", os.environ["PATH"])
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    monkeypatch.setattr(sys, "argv", sys.argv)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    with np.printoptions():
        yield
    logging.getLogger("vackit").setLevel(logging.NOTSET)


def script(text: str, name: str = "program.py") -> str:
    Path(name).write_text(text)
    return name


def test_runstream_gives_the_program_its_own_arguments(capsys: Output) -> None:
    program = script("import sys; print(sys.argv)")
    assert main([program, "--file-path", "x", "-v", "--device", "y", "--help"]) == 0
    out, err = capsys.readouterr()
    assert out == "['program.py', '--file-path', 'x', '-v', '--device', 'y', '--help']\n"
    assert err == ""


def test_runstream_runs_the_program_as_main(capsys: Output, tmp_path: Path) -> None:
    program = script(
        "import sys\n"
        "import beside, vackit\n"
        "print(__name__, __file__, sys.modules['__main__'].__dict__ is globals(), beside.VALUE)\n"
    )
    script("VALUE = 5", "beside.py")
    assert main([program]) == 0
    assert capsys.readouterr().out == f"__main__ {tmp_path / program} True 5\n"


def test_runstream_searches_the_programs_folder_and_not_its_own(
    capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["/opt/bin/runstream"])
    monkeypatch.setattr(sys, "path", ["/opt/bin", *sys.path])
    assert main([script("import sys; print(sys.path[0], '/opt/bin' in sys.path)")]) == 0
    assert capsys.readouterr().out == f"{tmp_path} False\n"
    monkeypatch.setattr(sys, "argv", ["/elsewhere/runstream"])
    monkeypatch.setattr(sys, "path", ["/opt/bin", *sys.path])
    assert main([script("import sys; print('/opt/bin' in sys.path)")]) == 0
    assert capsys.readouterr().out == "True\n"


def test_runstream_follows_a_link_to_what_stands_beside_the_program(
    capsys: Output, tmp_path: Path
) -> None:
    (tmp_path / "real").mkdir()
    script("VALUE = 5", "real/beside.py")
    program = script("import beside; print(beside.VALUE, __file__)", "real/program.py")
    Path("link.py").symlink_to(program)
    assert main(["link.py"]) == 0
    assert capsys.readouterr().out == f"5 {tmp_path / 'link.py'}\n"


def test_runstream_runs_a_module(capsys: Output, tmp_path: Path) -> None:
    script("import sys; print(__name__, sys.argv[1:], sys.path[0]); sys.exit(4)", "tool.py")
    assert main(["--emulate", "-m", "tool", "-m", "--device", "x"]) == 4
    assert capsys.readouterr() == (f"__main__ ['-m', '--device', 'x'] {tmp_path}\n", "")
    assert main(["-m"]) == 2
    assert "argument -m: expected one argument" in capsys.readouterr().err
    assert main(["-m", "no_such_module"]) == 1
    assert "No module named no_such_module" in capsys.readouterr().err


def test_runstream_prints_the_folder_of_the_modules(capsys: Output) -> None:
    assert main(["--path"]) == 0
    folder = Path(capsys.readouterr().out.rstrip("\n"))
    assert (folder / "vaststreamx.py").is_file()


def test_runstream_keeps_warnings_of_age_back(capsys: Output) -> None:
    # what newer versions of Python say of older programs; the program's own words stay
    program = script(
        "import sys, warnings\n"
        "exec(compile('1 is 1', 'x', 'exec'))\n"
        "warnings.warn('old', DeprecationWarning)\n"
        "print('mine', file=sys.stderr)\n"
    )
    assert main([program]) == 0
    assert capsys.readouterr().err == "mine\n"
    assert "ignore::DeprecationWarning" in os.environ["PYTHONWARNINGS"]


def test_runstream_hands_the_device_over(capsys: Output) -> None:
    program = script("from vackit.devices.registry import get_device\nprint(get_device(None).spec)")
    assert main(["--device", "null:2", program]) == 0
    assert capsys.readouterr() == ("null:2\n", "")
    assert os.environ["VACKIT_DEVICE"] == "null:2"


def test_runstream_says_the_device_only_when_verbose(capsys: Output) -> None:
    program = script("")
    assert main([program]) == 0
    assert capsys.readouterr().err == ""
    assert main(["-v", program]) == 0
    passed_over, device = capsys.readouterr().err.splitlines()
    assert passed_over.startswith("info: device 'vacc' is passed over: no ")
    assert device == "device: onnxrt:0 (emulator; no accelerator)"


def test_runstream_keeps_the_librarys_warnings_back_unless_verbose(capsys: Output) -> None:
    program = script("import logging; logging.getLogger('vackit.x').warning('careful')")
    assert main([program]) == 0
    assert capsys.readouterr().err == ""
    assert main(["-v", program]) == 0
    assert "warning: careful" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "code", "message"),
    [
        ("sys.exit()", 0, ""),
        ("sys.exit(7)", 7, ""),
        ("sys.exit('bye')", 1, "bye\n"),
        ("raise DataError('cut short', where='a.npz', hint='copy it')", 1,
         "a.npz: cut short\n  hint: copy it\n"),
        ("raise KeyboardInterrupt", 130, "interrupted\n"),
    ],
    ids=["exit", "exit code", "exit text", "vackit error", "interrupt"],
)  # fmt: skip
def test_runstream_ends_as_the_program_ends(
    capsys: Output, line: str, code: int, message: str
) -> None:
    program = script(f"import sys\nfrom vackit.errors import DataError\n{line}")
    assert main([program]) == code
    assert capsys.readouterr() == ("", message)


def test_runstream_shows_the_programs_traceback_without_its_own_frames(
    capsys: Output, tmp_path: Path
) -> None:
    program = script("def fail():\n    raise ValueError('mine')\n\nfail()\n")
    assert main([program]) == 1
    assert capsys.readouterr().err == (
        "Traceback (most recent call last):\n"
        f'  File "{tmp_path}/program.py", line 4, in <module>\n'
        "    fail()\n"
        f'  File "{tmp_path}/program.py", line 2, in fail\n'
        "    raise ValueError('mine')\n"
        "ValueError: mine\n"
    )


def test_runstream_shows_where_an_error_of_the_library_came_from_when_verbose(
    capsys: Output,
) -> None:
    program = script("import vaststreamx as vsx\nvsx.set_device(-1)\n")
    assert main([program]) == 1
    message = "device id is -1, expected a whole number from 0\n"
    assert capsys.readouterr().err == message
    assert main(["-v", program]) == 1
    err = capsys.readouterr().err
    assert 'program.py", line 2' in err
    assert err.endswith(message)


def test_runstream_shows_a_syntax_error_as_python_does(capsys: Output, tmp_path: Path) -> None:
    assert main([script("def broken(:\n")]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f'  File "{tmp_path}/program.py", line 1\n')
    assert err.endswith("SyntaxError: invalid syntax\n")


def test_runstream_shows_where_an_interrupt_came_when_verbose(capsys: Output) -> None:
    assert main(["-v", script("raise KeyboardInterrupt")]) == 130
    assert 'program.py", line 1' in capsys.readouterr().err


def test_runstream_prefers_an_existing_path_over_a_sample(capsys: Output) -> None:
    assert main([script("print('mine')", "sample_cls.py")]) == 0
    assert capsys.readouterr().out == "mine\n"


def test_runstream_finds_a_sample_by_name(capsys: Output) -> None:
    assert main(["sample_cls.py", "--help"]) == 0
    assert "Classify images with a compiled model" in capsys.readouterr().out


def test_runstream_suggests_a_near_name(capsys: Output) -> None:
    assert main(["sample_clss.py"]) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.startswith("'sample_clss.py' is neither a file nor a sample; samples: ")
    assert "sample_cls.py, sample_det.py" in first
    assert hint == "  hint: did you mean 'sample_cls.py'?"
    assert main(["other"]) == 2
    assert "hint" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "the following arguments are required: SCRIPT"),
        (["--device"], 2, "argument --device: expected one argument"),
        (["--devise", "null", "program.py"], 2, "unrecognized arguments: --devise"),
        (["--device", "nul", "program.py"], 1, "no device named 'nul'"),
    ],
    ids=["nothing", "no value", "unknown option", "unknown device"],
)
def test_runstream_explains_its_own_mistakes(
    capsys: Output, arguments: list[str], code: int, message: str
) -> None:
    script("print('must not run')")
    assert main(arguments) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


def test_runstream_ends_its_options_at_two_dashes(capsys: Output) -> None:
    program = script("import sys; print(sys.argv)")
    assert main(["--", program, "a"]) == 0
    assert capsys.readouterr().out == "['program.py', 'a']\n"


IMPORT = "import vaststreamx as vsx\nprint(vsx.ImageFormat.RGB_PLANAR)\n"


@pytest.fixture
def _genuine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Install another module of the published name."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "vaststreamx.py").write_text("class ImageFormat:\n    RGB_PLANAR = 'genuine'\n")
    monkeypatch.syspath_prepend(str(folder))
    sys.modules.pop("vaststreamx", None)
    yield
    sys.modules.pop("vaststreamx", None)


def test_runstream_lets_programs_import_the_published_module(capsys: Output) -> None:
    sys.modules.pop("vaststreamx", None)
    assert main([script(IMPORT)]) == 0
    assert capsys.readouterr() == ("ImageFormat.RGB_PLANAR\n", "")


@pytest.mark.usefixtures("_genuine")
def test_an_installed_module_comes_first_unless_emulate(capsys: Output) -> None:
    assert main([script(IMPORT)]) == 0
    assert capsys.readouterr().out == "genuine\n"
    sys.modules.pop("vaststreamx")
    assert main(["--emulate", script(IMPORT)]) == 0
    assert capsys.readouterr().out == "ImageFormat.RGB_PLANAR\n"


def test_runstream_lists_its_samples(capsys: Output) -> None:
    assert main(["--list"]) == 0
    out, err = capsys.readouterr()
    assert "sample_cls.py  Classify a folder of images through the asynchronous stream." in out
    assert err == ""


def test_runstream_loads_custom_operators_first(capsys: Output) -> None:
    ops = script(
        "from vackit.compat.vaststreamx.custom_ops.registry import register\n"
        "@register('doubler')\n"
        "def doubler(call):\n"
        "    return [call.array(0) * 2]\n",
        "ops.py",
    )
    program = script(
        "import vaststreamx as vsx\n"
        "op = vsx.CustomOperator('doubler', 'elf')\n"
        "print(vsx.as_numpy(op.run_sync([vsx.from_numpy([1, 2])])[0]))\n"
    )
    assert main(["--ops", ops, program]) == 0
    assert capsys.readouterr() == ("[2 4]\n", "")
    assert main(["--ops", script("raise SystemExit(5)", "bad.py"), program]) == 5
