# SPDX-License-Identifier: Apache-2.0
"""``vamc``: compile models and look at them. One module per subcommand."""

import difflib
import importlib
import os
import sys
from argparse import Namespace
from collections.abc import Sequence
from types import ModuleType

from vackit import console

# name -> the module that implements it; imported when it is asked for
SUBCOMMANDS = {
    "build": "vackit.cli.vamc_build",
    "compile": "vackit.cli.vamc_build",
    "validate": "vackit.cli.vamc_validate",
    "inspect": "vackit.cli.vamc_inspect",
    "explain": "vackit.cli.vamc_explain",
    "devices": "vackit.cli.vamc_devices",
}


# numpy's matrix products: small ones are slower on several threads, and how many there are
# would decide the last bit of an artifact
_ONE_THREAD = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand; return its exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    for name in _ONE_THREAD:
        os.environ.setdefault(name, "1")
    if given and given[0] in SUBCOMMANDS:
        module = _load(given[0])
        parser = console.Parser(f"vamc {given[0]}", module.HELP, example=module.EXAMPLE)
        module.add_arguments(parser)
        console.add_common(parser)
        return console.run_command(parser, module.run, given[1:])
    parser = console.Parser(
        "vamc",
        f"subcommands:\n{_table()}\n\n`vamc SUBCOMMAND --help` says more.",
        example="vamc build vacc_code/build/timm_mobilenetv2.yaml",
        usage="vamc SUBCOMMAND ...",
    )
    parser.add_argument("subcommand", nargs="?", metavar="SUBCOMMAND", help="one of those above")
    console.add_common(parser, json_output=False)
    # whatever follows an unknown subcommand is not this parser's to judge
    if given and not given[0].startswith("-"):
        given = given[:1]

    def refuse(args: Namespace) -> int:
        parser.error(_unknown(args.subcommand))
        return 2

    return console.run_command(parser, refuse, given)


def _load(name: str) -> ModuleType:
    return importlib.import_module(SUBCOMMANDS[name])


def _table() -> str:
    width = max(map(len, SUBCOMMANDS))
    return "\n".join(f"  {name.ljust(width)}  {_load(name).HELP}" for name in SUBCOMMANDS)


def _unknown(name: str | None) -> str:
    known = ", ".join(SUBCOMMANDS)
    if name is None:
        return f"a subcommand is needed: {known}"
    near = difflib.get_close_matches(name, SUBCOMMANDS, n=1)
    meant = f"; did you mean '{near[0]}'?" if near else ""
    return f"no subcommand '{name}'; there are {known}{meant}"


if __name__ == "__main__":
    sys.exit(main())
