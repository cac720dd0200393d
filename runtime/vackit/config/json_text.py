# SPDX-License-Identifier: Apache-2.0
"""JSON text to data and places: strict JSON, each key once, no NaN."""

import json
import re
from bisect import bisect_right
from typing import Any

from vackit.config.document import KeyPath, Place, Position
from vackit.errors import ConfigError, Finding

MAX_DEPTH = 32

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,]|[^\s{}\[\]:,"]+')


def parse_json(text: str, name: str) -> tuple[Any, dict[KeyPath, Place]]:
    """Parse JSON and find where each value stands.

    Raises:
        ConfigError: Not strict JSON (comments, trailing commas, NaN), duplicate keys, or
            nested deeper than `MAX_DEPTH`.
    """
    try:
        data = json.loads(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        message = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise ConfigError([Finding(message, name, error.lineno, error.colno)]) from error
    except RecursionError as error:
        raise ConfigError([Finding(f"nested deeper than {MAX_DEPTH} levels", name)]) from error
    except _ConstantError as error:
        raise ConfigError([Finding(f"not JSON: {error} is no number in it", name)]) from error
    except ValueError as error:  # Python's limit on the digits of an integer
        raise ConfigError([Finding("a number in it has too many digits", name)]) from error
    scanner = _Scanner(text, name)
    scanner.value(())
    if scanner.findings:
        raise ConfigError(scanner.findings)
    return data, scanner.places


class _ConstantError(ValueError):
    pass


def _refuse_constant(name: str) -> None:
    raise _ConstantError(name)


class _Scanner:
    """Walks text that `json` has accepted, so every token is where the grammar wants it."""

    def __init__(self, text: str, name: str) -> None:
        self.name = name
        self.places: dict[KeyPath, Place] = {}
        self.findings: list[Finding] = []
        self._lines = [0, *(match.end() for match in re.finditer("\n", text))]
        self._tokens = [(match.group(), match.start()) for match in _TOKEN.finditer(text)]
        self._next = 0

    def value(self, path: KeyPath) -> None:
        """Read one value; note where it and everything in it stands."""
        token, start = self._take()
        at = self._position(start)
        self.places.setdefault(path, Place(at, at))
        if len(path) > MAX_DEPTH:
            raise ConfigError([Finding(f"nested deeper than {MAX_DEPTH} levels", self.name, *at)])
        if token == "{":
            self._object(path)
        elif token == "[":
            self._array(path)

    def _object(self, path: KeyPath) -> None:
        while (token := self._take())[0] != "}":
            if token[0] == ",":
                continue
            key, at = json.loads(token[0]), self._position(token[1])
            inner = (*path, key)
            if inner in self.places:
                first = self.places[inner].key[0]
                message = f"duplicate key {key!r}, first on line {first}"
                self.findings.append(Finding(message, self.name, *at, ".".join(map(str, inner))))
            self._take()  # the colon
            self.places[inner] = Place(at, self._position(self._tokens[self._next][1]))
            self.value(inner)

    def _array(self, path: KeyPath) -> None:
        index = 0
        while self._tokens[self._next][0] != "]":
            if self._tokens[self._next][0] == ",":
                self._next += 1
                continue
            self.value((*path, index))
            index += 1
        self._next += 1

    def _take(self) -> tuple[str, int]:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _position(self, offset: int) -> Position:
        line = bisect_right(self._lines, offset)
        return line, offset - self._lines[line - 1] + 1
