# SPDX-License-Identifier: Apache-2.0
"""Read YAML and JSON files into documents that know where each value stands."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from vackit.config.document import Document, KeyPath, Place, scalar_faults
from vackit.errors import ConfigError, Finding

# The largest published file holds 5 kB; anything near this is not a configuration.
MAX_BYTES = 1 << 20

_Parser = Callable[[str, str], tuple[Any, dict[KeyPath, Place]]]


def load_yaml(path: Path) -> Document:
    """Read a YAML file whose top level is a mapping.

    Raises:
        ConfigError: The file cannot be read, is not UTF-8 YAML, or holds something no
            config can mean (duplicate keys, NaN, several documents, alias bombs).
    """
    from vackit.config.yaml_text import parse_yaml

    return _load(path, parse_yaml, "YAML")


def load_json(path: Path) -> Document:
    """Read a JSON file whose top level is an object; errors as for `load_yaml`."""
    from vackit.config.json_text import parse_json

    return _load(path, parse_json, "JSON")


def _load(path: Path, parse: _Parser, kind: str) -> Document:
    text = read_text(path)
    if not text.strip():
        raise ConfigError([Finding("the file is empty", str(path))])
    data, places = parse(text, str(path))
    if data is None:
        raise ConfigError([Finding(f"holds no {kind} data", str(path))])
    if not isinstance(data, dict):
        message = f"expected a mapping at the top, got {type_name(data)}"
        raise ConfigError([Finding(message, str(path), 1, 1)])
    document = Document(path, data, places)
    if findings := scalar_faults(document):
        raise ConfigError(findings)
    return document


def read_text(path: Path) -> str:
    """Return a small file's text; a byte order mark at its start is dropped.

    Raises:
        ConfigError: The file is missing, a folder, too large, or not UTF-8.
    """
    try:
        with path.open("rb") as handle:
            content = handle.read(MAX_BYTES + 1)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise ConfigError([Finding(f"cannot be read: {reason}", str(path))]) from error
    if len(content) > MAX_BYTES:
        message = f"larger than {MAX_BYTES} bytes, which no configuration file is"
        raise ConfigError([Finding(message, str(path))])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - content.rfind(b"\n", 0, error.start)
        message = f"not UTF-8 text: byte 0x{content[error.start]:02x}"
        raise ConfigError([Finding(message, str(path), line, column)]) from error


def type_name(value: Any) -> str:
    """Return the word for the type of ``value`` in messages."""
    words = {dict: "mapping", type(None): "null"}
    return words.get(type(value), type(value).__name__)
