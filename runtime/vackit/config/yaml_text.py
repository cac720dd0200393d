# SPDX-License-Identifier: Apache-2.0
"""YAML text to data and places; safe, one document, bounded in depth and size."""

from typing import Any

import yaml
from yaml.constructor import ConstructorError
from yaml.nodes import MappingNode, Node, ScalarNode

from vackit.config.document import KeyPath, Place, Position
from vackit.errors import ConfigError, Finding

MAX_DEPTH = 32
# values after aliases are expanded; a bomb of a few hundred bytes passes any size limit
MAX_VALUES = 20_000

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS: Any = yaml.SafeLoader("")  # resolves and constructs single scalars, holds no state
_TIMESTAMP = "tag:yaml.org,2002:timestamp"


def parse_yaml(text: str, name: str) -> tuple[Any, dict[KeyPath, Place]]:
    """Parse one YAML document.

    Keys are taken as written (``0:`` is the key ``"0"``), dates stay text.

    Raises:
        ConfigError: Not YAML, more than one document, nested or expanded beyond reason,
            duplicate keys, or a tag other than YAML's own simple ones.
    """
    try:
        _check_events(text, name)
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_from_yaml(error, text, name)]) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        message = f"the character U+{ord(text[error.position]):04X} is not allowed in YAML"
        raise ConfigError([Finding(message, name, line, column)]) from error
    if node is None:
        return None, {}
    builder = _Builder(name)
    data = builder.value(node, ())
    if builder.findings:
        raise ConfigError(builder.findings)
    return data, builder.places


def parse_scalar(text: str) -> Any:
    """Return what a plain YAML scalar with this text means (``"8"`` is 8, ``"x # y"`` text)."""
    tag = _SCALARS.resolve(ScalarNode, text, (True, False))
    return _construct(ScalarNode(tag, text))


def _construct(node: ScalarNode) -> Any:
    if node.tag == _TIMESTAMP:
        return node.value
    return _SCALARS.construct_object(node)


def _check_events(text: str, name: str) -> None:
    """Refuse what would exhaust the composer: depth, and a second document."""
    depth = documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.DocumentStartEvent):
            documents += 1
        message = ""
        if depth > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH} levels"
        elif documents > 1:
            message = "a second YAML document starts here, expected one"
        if message:
            raise ConfigError([Finding(message, name, *_position(event.start_mark))])


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.places: dict[KeyPath, Place] = {}
        self.findings: list[Finding] = []
        self._open: list[int] = []
        self._num_values = 0

    def value(self, node: Node, path: KeyPath) -> Any:
        """Build what ``node`` stands for; aliases are expanded, a limit keeps bombs out."""
        self._num_values += 1
        start = _position(node.start_mark)
        fault = ""
        if id(node) in self._open:
            fault = "an alias stands inside what it names"
        elif self._num_values > MAX_VALUES:
            fault = f"aliases expand to more than {MAX_VALUES} values"
        if fault:
            raise ConfigError([Finding(fault, self.name, *start)])
        self.places.setdefault(path, Place(start, start))
        if isinstance(node, ScalarNode):
            return self._scalar(node, path)
        self._open.append(id(node))
        built: Any
        if isinstance(node, MappingNode):
            built = self._mapping(node, path)
        else:
            built = [self.value(item, (*path, i)) for i, item in enumerate(node.value)]
        self._open.pop()
        return built

    def _mapping(self, node: MappingNode, path: KeyPath) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, start = key_node.value, _position(key_node.start_mark)
            if not isinstance(key_node, ScalarNode):
                self._complain("a key must be plain text", start, path)
            elif key in built:
                first = self.places[(*path, key)].key[0]
                message = f"duplicate key {key!r}, first on line {first}"
                self._complain(message, start, (*path, key))
            else:
                self.places[(*path, key)] = Place(start, _position(value_node.start_mark))
                built[key] = self.value(value_node, (*path, key))
        return built

    def _scalar(self, node: ScalarNode, path: KeyPath) -> Any:
        try:
            return _construct(node)
        except ConstructorError:
            message = f"the tag {node.tag!r} is not allowed"
        except (ValueError, OverflowError):
            message = f"{node.value[:20]!r} is not a number that can be read"
        self._complain(message, _position(node.start_mark), path)
        return None

    def _complain(self, message: str, at: Position, path: KeyPath) -> None:
        key_path = ".".join(str(step) for step in path)
        self.findings.append(Finding(message, self.name, *at, key_path))


def _position(mark: Any) -> Position:
    return mark.line + 1, mark.column + 1


def _from_yaml(error: yaml.MarkedYAMLError, text: str, name: str) -> Finding:
    # the composer and the scanner always say where, and what
    line, column = _position(error.problem_mark)
    lines = [*text.split("\n"), ""]  # the end of the text may count as one more line
    if lines[line - 1][:column].endswith("\t"):
        problem = "a tab stands where YAML allows only spaces"
        return Finding(f"not YAML: {problem}", name, line, column, hint="indent with spaces")
    context = f" ({error.context})" if error.context else ""
    return Finding(f"not YAML: {error.problem}{context}", name, line, column)
