# SPDX-License-Identifier: Apache-2.0
"""A parsed file that still knows where each of its values stands."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from vackit.errors import Finding

KeyPath = tuple[str | int, ...]
Position = tuple[int, int]


@dataclass(frozen=True)
class Place:
    """Where a key and its value stand: (line, column), both from 1.

    ``source`` names a command-line flag where the value comes from one, not from the file.
    """

    key: Position
    value: Position
    source: str = ""


@dataclass
class Document:
    """Data of a YAML or JSON file with the place of every key path.

    Owned by the loader that asked for it; nothing outside ``config`` sees one.
    """

    path: Path
    data: dict[str, Any]
    places: dict[KeyPath, Place]
    notes: list[Finding] = field(default_factory=list)

    def get(self, path: KeyPath, default: Any = None) -> Any:
        """Return the value at ``path``, or ``default`` where there is none."""
        value: Any = self.data
        for step in path:
            if isinstance(value, dict):
                inside = step in value
            else:
                inside = isinstance(value, list) and isinstance(step, int) and step < len(value)
            if not inside:
                return default
            value = value[step]
        return value

    def has(self, path: KeyPath) -> bool:
        """Tell whether there is a value (``null`` counts) at ``path``."""
        missing = object()
        return self.get(path, missing) is not missing

    def is_overridden(self, path: KeyPath) -> bool:
        """Tell whether the command line set ``path`` or what holds it."""
        return any(
            place.source
            for end in range(1, len(path) + 1)
            if (place := self.places.get(path[:end]))
        )

    def finding(
        self, message: str, path: KeyPath, *, at: Literal["key", "value"] = "value", hint: str = ""
    ) -> Finding:
        """Return a finding about ``path``, placed at its key or its value.

        Where ``path`` is not in the file, the nearest key above it gives the place.
        """
        known = path
        while known and known not in self.places:
            known = known[:-1]
        place = self.places.get(known, Place((1, 1), (1, 1)))
        line, column = place.value if at == "value" and known == path else place.key
        name = ".".join(str(step) for step in path)
        if place.source:
            return Finding(message, file=place.source, key_path=name, hint=hint)
        return Finding(message, str(self.path), line, column, name, hint)

    def note(self, message: str, path: KeyPath, hint: str = "") -> None:
        """Remember something that is worth saying though the file is accepted."""
        self.notes.append(self.finding(message, path, hint=hint))


def walk(value: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every scalar of nested lists and dicts with its key path."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))
    else:
        yield path, value


def scalar_faults(document: Document) -> list[Finding]:
    """Return a finding for each number and text that no config can mean."""
    findings = []
    for path, value in walk(document.data):
        if isinstance(value, float) and not math.isfinite(value):
            findings.append(document.finding(f"expected a finite number, got {value}", path))
        if isinstance(value, str) and any("\ud800" <= char <= "\udfff" for char in value):
            findings.append(document.finding("the text holds half of a surrogate pair", path))
    return findings
