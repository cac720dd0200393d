# SPDX-License-Identifier: Apache-2.0
"""Apply ``--set key.path=value`` to a document before it is checked."""

from collections.abc import Callable, Sequence
from typing import Any

from vackit.config.document import Document, KeyPath, Place, scalar_faults
from vackit.config.yaml_text import parse_scalar, parse_yaml
from vackit.errors import ConfigError, Finding

_NOWHERE = (0, 0)


def apply_overrides(
    document: Document,
    overrides: Sequence[str],
    rename: Callable[[KeyPath], tuple[KeyPath, ...]],
) -> None:
    """Set each override in ``document``.

    Args:
        document: Changed in place; what an override sets names ``--set`` in findings.
        overrides: ``key.path=value``; the value is a YAML scalar, or a list or mapping in
            flow form. A number in the path is a list's index.
        rename: Returns the path that the document's generation uses for a key, followed by
            the other names of the same thing, which the override replaces.

    Raises:
        ConfigError: An override has no ``=``, its value is not YAML, or its path leads
            through something that is no mapping or past a list's end.
    """
    findings: list[Finding] = []
    for text in overrides:
        source = f"--set {text}"
        name, equals, value = text.partition("=")
        if not equals or not name.strip(" ."):
            message = "expected key.path=value"
            findings.append(Finding(message, source, hint="--set backend.dtype=fp16"))
            continue
        try:
            path, *others = rename(_split(document, name.strip(), rename))
            for other in others:
                _delete(document, other)
            _set(document, path, _value(value.strip(), source), source)
        except ConfigError as error:
            findings += [Finding(fault.message, source) for fault in error.findings]
    findings += scalar_faults(document)
    if findings:
        raise ConfigError(findings)


def _value(text: str, source: str) -> Any:
    """Parse a value; only a leading bracket or quote makes it more than a plain scalar."""
    if text[:1] in ("[", "{", '"', "'"):
        return parse_yaml(text, source)[0]
    try:
        return parse_scalar(text)
    except ValueError as error:
        raise ConfigError([Finding(f"{text[:20]!r} is not a number", source)]) from error


def _split(
    document: Document, name: str, rename: Callable[[KeyPath], tuple[KeyPath, ...]]
) -> KeyPath:
    """Split at dots, but keep a name of the document that holds dots (``input.1``) whole."""
    for parent in (("frontend", "shape"), ("model", "inputs")):
        head = f"{'.'.join(parent)}."
        if name.startswith(head):
            rest = name.removeprefix(head)
            known = document.get(rename(parent)[0])
            known = known if isinstance(known, dict) else {}
            inner = next((key for key in known if rest.startswith(f"{key}.")), rest)
            index = rest.removeprefix(inner).strip(".")
            return (*parent, inner, *_steps(index))
    return _steps(name)


def _steps(name: str) -> KeyPath:
    return tuple(int(step) if step.isdecimal() else step for step in name.split(".") if step)


def _delete(document: Document, path: KeyPath) -> None:
    parent = document.get(path[:-1])
    if isinstance(parent, dict):
        parent.pop(path[-1], None)


def _set(document: Document, path: KeyPath, value: Any, source: str) -> None:
    parent: Any = document.data
    here: KeyPath = ()
    place = Place(_NOWHERE, _NOWHERE, source)
    for depth, step in enumerate(path, start=1):
        _check_step(parent, step, here, source)
        key = str(step) if isinstance(parent, dict) else step
        here = (*here, key)
        if depth == len(path):
            parent[key] = value
            _forget_inner(document, here)
            document.places[here] = place
        elif isinstance(parent, dict) and parent.get(key) is None:
            parent[key] = {}
            document.places[here] = place
        parent = parent[key]


def _check_step(parent: Any, step: str | int, path: KeyPath, source: str) -> None:
    name = ".".join(str(each) for each in path)
    message = ""
    if isinstance(parent, list):
        if not isinstance(step, int):
            message = f"{name} is a list; {step!r} is not an index of it"
        elif step >= len(parent):
            message = f"{name} has {len(parent)} entries, none at index {step}"
    elif not isinstance(parent, dict):
        message = f"{name} holds {parent!r}, nothing can be set inside it"
    if message:
        raise ConfigError([Finding(message, source)])


def _forget_inner(document: Document, path: KeyPath) -> None:
    """Drop the places of what stood at and under ``path`` in the file."""
    for other in [other for other in document.places if other[: len(path)] == path]:
        del document.places[other]
