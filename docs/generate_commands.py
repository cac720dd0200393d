# SPDX-License-Identifier: Apache-2.0
"""Write docs/commands.md from what every command's ``--help`` says.

``python docs/generate_commands.py`` writes it; with ``--check`` it only tells whether the
page is stale. The page is made from the parsers rather than from their printed text, which
differs between versions of Python.
"""

import argparse
import contextlib
import importlib
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from unittest import mock

Main = Callable[[Sequence[str]], int]

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "commands.md"
# programs that are no command of their own
PROGRAMS = {
    "runstream sample_cls.py": "vackit.samples.sample_cls:main",
    "python -m vackit.selftest.demo": "vackit.selftest.demo:main",
}
SAME = {"eval_imagenet": "vamp_eval"}
INTRODUCTION = """\
# Commands

Made from `--help` by `python docs/generate_commands.py`: change the parsers, not this page

Long flags may be written with hyphens, too (`--vdsp-params`). Results go to stdout,
everything else to stderr. Exit codes: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.
"""


def main(argv: Sequence[str] | None = None) -> int:
    """Write the page, or check it; return 1 where a checked page is stale."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing")
    check = parser.parse_args(argv).check
    page = render()
    if not check:
        PAGE.write_text(page, encoding="utf-8")
    elif not PAGE.is_file() or PAGE.read_text(encoding="utf-8") != page:
        sys.stderr.write(f"{PAGE}: stale\n  hint: python docs/generate_commands.py\n")
        return 1
    return 0


def render() -> str:
    """Return the page."""
    parts = [INTRODUCTION]
    for name, target in {**_scripts(), **PROGRAMS}.items():
        if name in SAME:
            parts.append(f"## `{name}`\n\nThe same as `{SAME[name]}`.\n")
        else:
            parts += _sections(name, _load(target))
    return "\n".join(parts)


def catch_parser(main: Main, argv: Sequence[str]) -> argparse.ArgumentParser:
    """Return the parser whose help ``main(argv)`` would print."""
    caught: list[argparse.ArgumentParser] = []
    catch = mock.patch.object(
        argparse.ArgumentParser, "print_help", lambda parser, file=None: caught.append(parser)
    )
    # a program that is no command lets argparse leave
    with catch, contextlib.suppress(SystemExit):
        main(argv)
    return caught[0]


def _scripts() -> dict[str, str]:
    with (ROOT / "pyproject.toml").open("rb") as handle:
        scripts: dict[str, str] = tomllib.load(handle)["project"]["scripts"]
    return scripts


def _load(target: str) -> Main:
    module, _, name = target.partition(":")
    main: Main = getattr(importlib.import_module(module), name)
    return main


def _sections(name: str, main: Main) -> list[str]:
    """Return a section for the command and one for each of its subcommands."""
    sections = [f"## `{name}`\n\n{_describe(catch_parser(main, ['--help']))}"]
    first_with: dict[str, str] = {}
    # a command with subcommands keeps them in a table, name -> module
    for sub, module in getattr(sys.modules[main.__module__], "SUBCOMMANDS", {}).items():
        same = first_with.setdefault(module, sub)
        if same == sub:
            text = _describe(catch_parser(main, [sub, "--help"]))
        else:
            text = f"The same as `{name} {same}`.\n"
        sections.append(f"### `{name} {sub}`\n\n{text}")
    return sections


def _describe(parser: argparse.ArgumentParser) -> str:
    parts = []
    if example := getattr(parser, "example", ""):
        parts.append(f"```sh\n{example}\n```\n")
    parts.append(f"```text\n{parser.description}\n```\n")
    for group in parser._action_groups:
        if rows := [_row(parser, action) for action in group._group_actions if _told(action)]:
            parts.append("\n".join([f"| {group.title} | |", "|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _told(action: argparse.Action) -> bool:
    return action.help is not None and not isinstance(action, argparse._HelpAction)


def _row(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    help_text = parser._get_formatter()._expand_help(action)
    return f"| `{_cell(_invocation(action))}` | {_cell(help_text)} |"


def _invocation(action: argparse.Action) -> str:
    value = "" if action.nargs == 0 else _value(action)
    if not action.option_strings:
        return value
    return f"{', '.join(action.option_strings)} {value}".rstrip()


def _value(action: argparse.Action) -> str:
    if isinstance(action.metavar, tuple):
        value = " ".join(action.metavar)
    elif action.choices is not None and action.metavar is None:
        value = "|".join(str(choice) for choice in action.choices)
    else:
        value = action.metavar or action.dest.upper()
    return f"{value} ..." if action.nargs in ("+", "*") else value


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", r"\|")


if __name__ == "__main__":
    sys.exit(main())
