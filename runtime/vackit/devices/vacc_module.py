# SPDX-License-Identifier: Apache-2.0
"""Find the genuine ``vaststreamx``, and ask it for cards.

`runstream` offers programs a module of that name too; it is told by where it lies.
"""

import importlib
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

NAME = "vaststreamx"
_OWN_PACKAGE = "vackit"


@dataclass(frozen=True)
class Found:
    """The module, or why there is none that could be used."""

    module: ModuleType | None = None
    reason: str = ""


def find_module() -> Found:
    """Import the genuine module, if there is one."""
    origin = _origin()
    if origin is None and NAME not in sys.modules:
        return Found(reason=f"no module '{NAME}' is installed")
    if origin is not None and any(origin.is_relative_to(folder) for folder in _own_folders()):
        return Found(reason=f"no '{NAME}' but vackit's own is on the search path")
    try:
        return Found(importlib.import_module(NAME))
    except Exception as error:  # a driver's library may raise anything
        return Found(reason=f"'{NAME}' cannot be imported: {first_line(error)}")


def find_card() -> Found:
    """Return the module where it reports a card."""
    found = find_module()
    if found.module is None:
        return found
    try:
        count = int(found.module.get_all_cards_count())
    except Exception as error:
        return Found(reason=f"'{NAME}' cannot say how many cards there are: {first_line(error)}")
    return found if count > 0 else Found(reason=f"'{NAME}' reports no card")


def card_types(module: Any) -> dict[int, str]:
    """Return the type of the card of each die, by device id; empty where it is not told."""
    try:
        return dict(_dies(module))
    except Exception:  # not all versions need to know all of it
        return {}


def _dies(module: Any) -> Iterator[tuple[int, str]]:
    for card in module.get_all_cards():
        for die in card.dies:
            yield int(die.device_id), str(card.card_type)


def first_line(error: BaseException) -> str:
    """Return an error's first line, or its name where it says nothing."""
    text = str(error).strip()
    return text.splitlines()[0] if text else repr(error)


def _origin() -> Path | None:
    try:
        spec = importlib.util.find_spec(NAME)
    except ValueError:  # loaded by other means than a file
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _own_folders() -> list[Path]:
    spec = importlib.util.find_spec(_OWN_PACKAGE)
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []
