# SPDX-License-Identifier: Apache-2.0
"""Run the project's commands the way a user would type them."""

import json
import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vackit.errors import VackitError


class CommandFailedError(VackitError):
    """A command of the demo stopped; carries that command's exit code."""

    def __init__(self, command: str, exit_code: int) -> None:
        super().__init__(f"stopped with exit code {exit_code}", where=command)
        self.exit_code = exit_code


class CommandRunner:
    """Says each command, runs it in the current folder and reads its JSON.

    Args:
        say: Called with the command as it can be typed, before it runs.
        scripts: The folder of the installed commands; None: this Python's own.
    """

    def __init__(self, say: Callable[[str], None], scripts: Path | None = None) -> None:
        self._say = say
        self._scripts = scripts or Path(sysconfig.get_path("scripts"))

    def run(self, command: str, *arguments: object) -> str:
        """Run ``command``; return its stdout. Its stderr goes to ours as it comes.

        Raises:
            CommandFailedError: It left with another exit code than 0.
        """
        line = [self._shown(command), *(str(argument) for argument in arguments)]
        self._say(f"$ {shlex.join(line)}")
        done = subprocess.run(line, stdout=subprocess.PIPE, check=False, encoding="utf-8")
        if done.returncode:
            # a signal's number arrives negative; shells add it to 128
            code = done.returncode if done.returncode > 0 else 128 - done.returncode
            raise CommandFailedError(command, code)
        return done.stdout

    def run_json(self, command: str, *arguments: object) -> Any:
        """Run ``command`` with ``--json``; return what it printed, parsed."""
        return json.loads(self.run(command, *arguments, "--json"))

    def _shown(self, command: str) -> str:
        """Return how to call ``command`` from here: its bare name where PATH finds ours."""
        script = self._scripts / (f"{command}.exe" if os.name == "nt" else command)
        if not script.is_file():
            raise VackitError(
                f"no command '{command}' beside this Python",
                where=self._scripts,
                hint="install vackit with pip, then run the demo with that Python",
            )
        found = shutil.which(command)
        if found and Path(found).resolve() == script.resolve():
            return command
        return str(display_path(script))


def display_path(path: Path) -> Path:
    """Return ``path`` relative to the current folder where it lies below it."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path
