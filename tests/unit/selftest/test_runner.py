# SPDX-License-Identifier: Apache-2.0
import sys
from pathlib import Path

import pytest

from vackit.errors import VackitError
from vackit.selftest.runner import CommandFailedError, CommandRunner, display_path


def _script(folder: Path, name: str, body: str) -> Path:
    path = folder / name
    path.write_text(f"#!{sys.executable}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def runner(tmp_path: Path, said: list[str]) -> CommandRunner:
    _script(tmp_path, "echo_json", "import json, sys; print(json.dumps(sys.argv[1:]))")
    _script(tmp_path, "stops", "import sys; print('why', file=sys.stderr); sys.exit(3)")
    _script(tmp_path, "killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    return CommandRunner(said.append, tmp_path)


def test_runner_returns_the_json_that_the_command_printed(runner: CommandRunner) -> None:
    assert runner.run_json("echo_json", "--a", 1) == ["--a", "1", "--json"]


def test_runner_says_a_line_that_can_be_typed(
    runner: CommandRunner, said: list[str], tmp_path: Path
) -> None:
    runner.run("echo_json", Path("a folder") / "b")
    assert said == [f"$ {tmp_path}/echo_json 'a folder/b'"]


def test_runner_says_the_bare_name_when_path_finds_the_command(
    runner: CommandRunner, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    runner.run("echo_json", "x")
    assert said == ["$ echo_json x"]


def test_runner_says_the_path_when_path_finds_another_command(
    runner: CommandRunner, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    _script(tmp_path / "other", "echo_json", "print('other')")
    monkeypatch.setenv("PATH", str(tmp_path / "other"))
    assert runner.run("echo_json", "x") == '["x"]\n'
    assert said == [f"$ {tmp_path}/echo_json x"]


def test_runner_fails_with_the_commands_exit_code(
    runner: CommandRunner, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(CommandFailedError, match="stopped with exit code 3") as caught:
        runner.run("stops", "-x")
    assert caught.value.exit_code == 3
    assert caught.value.where == "stops"
    assert capfd.readouterr().err == "why\n"


def test_runner_fails_as_a_shell_does_when_a_signal_ends_the_command(
    runner: CommandRunner,
) -> None:
    with pytest.raises(CommandFailedError, match="exit code 137"):
        runner.run("killed")


def test_runner_names_the_folder_that_lacks_the_command(
    runner: CommandRunner, tmp_path: Path
) -> None:
    with pytest.raises(VackitError, match="no command 'vamq' beside this Python") as caught:
        runner.run("vamq")
    assert caught.value.where == str(tmp_path)


def test_display_path_is_relative_below_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert display_path(tmp_path / "a" / "b") == Path("a/b")
    assert display_path(Path("/elsewhere/b")) == Path("/elsewhere/b")
