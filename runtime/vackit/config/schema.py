# SPDX-License-Identifier: Apache-2.0
"""Check a document against a JSON Schema and word what is wrong for its author."""

import difflib
import functools
import json
from collections.abc import Callable, Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

from vackit.config.document import Document, KeyPath
from vackit.config.load import type_name
from vackit.errors import Finding

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

# where a key that does not belong here belongs instead: (this key path) -> sentence
Elsewhere = Mapping[KeyPath, str]
# words one jsonschema ValidationError (whose attributes its stubs type too loosely to use)
_Wording = Callable[[Document, Any], Finding]

# what JSON Schema calls a type -> what messages call it
_TYPE_WORDS = {"array": "list", "object": "mapping"}
# an enum up to this size is listed in full even where one value is close
_SHORT_ENUM = 6


def read_schema(name: str) -> dict[str, Any]:
    """Return a schema that ships in the package."""
    path = resources.files("vackit.config") / "schemas" / f"{name}.schema.json"
    schema: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return schema


def schema_findings(
    document: Document, name: str, definition: str = "", elsewhere: Elsewhere | None = None
) -> list[Finding]:
    """Return every fault of ``document`` that the schema ``name`` sees.

    Args:
        document: What to check.
        name: ``"build"`` for ``schemas/build.schema.json``.
        definition: The entry of its ``$defs`` to check against; empty: the whole schema.
        elsewhere: For keys that are refused here: the hint that says where they belong.
    """
    errors = list(_validator(name, definition).iter_errors(document.data))
    findings: list[Finding] = []
    explained: set[KeyPath] = set()
    for error in errors:
        if error.validator == "additionalProperties":
            findings += _unknown_keys(document, error, elsewhere or {}, explained)
    for error in errors:
        if error.validator not in ("additionalProperties", "required"):
            findings.append(_WORDING[str(error.validator)](document, error))
        elif error.validator == "required":
            findings += _missing_key(document, error, explained)
    # two branches of a schema may see the same fault
    return list(dict.fromkeys(findings))


def did_you_mean(word: str, known: list[str]) -> str:
    """Return the near miss of ``word`` in ``known``, upper and lower case alike, or ``""``."""
    lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), lower, n=1)
    return lower[close[0]] if close else ""


@functools.cache
def _validator(name: str, definition: str) -> "Validator":
    from jsonschema import Draft202012Validator, validators
    from referencing import Registry, Resource

    schemas = [Resource.from_contents(read_schema(each)) for each in ("build", name)]
    registry: Registry[Any] = Registry().with_resources(
        (resource.id() or "", resource) for resource in schemas
    )
    pointer = f"#/$defs/{definition}" if definition else ""
    # JSON Schema takes 8.0 for an integer, which would then reach code that counts with it
    strict = Draft202012Validator.TYPE_CHECKER.redefine(
        "integer", lambda _, value: type(value) is int
    )
    extend: Any = validators.extend  # its stubs leave it untyped
    checker = extend(Draft202012Validator, type_checker=strict)
    validator: Validator = checker({"$ref": f"{name}.schema.json{pointer}"}, registry=registry)
    return validator


def _unknown_keys(
    document: Document, error: Any, elsewhere: Elsewhere, explained: set[KeyPath]
) -> list[Finding]:
    """Word each key that the schema does not know; ``explained`` gets the keys meant."""
    parent = tuple(error.absolute_path)
    known = list(error.schema["properties"])
    findings = []
    for key in (key for key in error.instance if key not in known):
        path = (*parent, key)
        hint = elsewhere.get(path, "")
        absent = [name for name in known if name not in error.instance]
        near = did_you_mean(key, absent) or did_you_mean(key, known)
        if near and not hint:
            hint = f"did you mean {near!r}?"
        explained |= {(*parent, name) for name in known if f"{name!r}" in hint}
        findings.append(document.finding(f"unknown key {key!r}", path, at="key", hint=hint))
    return findings


def _missing_key(document: Document, error: Any, explained: set[KeyPath]) -> list[Finding]:
    path = tuple(error.absolute_path)
    # jsonschema reports one error per missing key and names it only in its message
    key = error.message.split("'")[1]
    if (*path, key) in explained:
        return []
    hint = error.schema.get("x-missing", {}).get(key, "")
    return [document.finding(f"required key {key!r} is missing", path, at="key", hint=hint)]


def _type(document: Document, error: Any) -> Finding:
    wanted, value = error.validator_value, error.instance
    names: list[str] = wanted if isinstance(wanted, list) else [wanted]
    words = " or ".join(_TYPE_WORDS.get(name, name) for name in names)
    got = type_name(value)
    if value is not None and not isinstance(value, dict):
        got += f" {_show(value)}"
    hint = f'quote it: "{value}"' if wanted == "string" and type(value) in (int, float) else ""
    return _at(document, error, f"expected {words}, got {got}", hint)


def _enum(document: Document, error: Any) -> Finding:
    # numbers before words, each in their own order
    ordered = sorted(error.validator_value, key=lambda v: (v if type(v) is int else 0, _plain(v)))
    allowed = [_plain(value) for value in ordered]
    near = did_you_mean(_plain(error.instance), allowed)
    hint = f"use one of: {', '.join(allowed)}"
    if near and len(allowed) > _SHORT_ENUM:
        hint = f"did you mean {near!r}?"
    return _at(document, error, f"{_show(error.instance)} is not one of the allowed values", hint)


def _bound(word: str) -> _Wording:
    def worded(document: Document, error: Any) -> Finding:
        hint = error.schema.get("x-hint", "")
        return _at(document, error, f"{error.instance} is not {word} {error.validator_value}", hint)

    return worded


def _count(word: str) -> _Wording:
    def worded(document: Document, error: Any) -> Finding:
        wanted, got = error.validator_value, len(error.instance)
        return _at(document, error, f"expected {word} {wanted} values, got {got}")

    return worded


def _empty(document: Document, error: Any) -> Finding:
    what = "mapping" if isinstance(error.instance, dict) else "text"
    return _at(document, error, f"expected a {what} that is not empty")


def _described(document: Document, error: Any) -> Finding:
    """Word an error whose schema says in ``description`` what it wants."""
    wanted = error.schema["description"]
    return _at(document, error, f"expected {wanted}, got {_show(error.instance)}")


def _dependent(document: Document, error: Any) -> Finding:
    # jsonschema names the two keys only in its message
    _, missing, _, key, _ = error.message.split("'")
    path = (*error.absolute_path, key)
    return document.finding(f"{key!r} needs {missing!r} beside it", path, at="key")


def _at(document: Document, error: Any, message: str, hint: str = "") -> Finding:
    return document.finding(message, tuple(error.absolute_path), hint=hint)


def _show(value: Any) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _plain(value: Any) -> str:
    return "null" if value is None else str(value)


_WORDING: dict[str, _Wording] = {
    "type": _type,
    "enum": _enum,
    "minimum": _bound("at least"),
    "maximum": _bound("at most"),
    "exclusiveMinimum": _bound("above"),
    "minItems": _count("at least"),
    "maxItems": _count("at most"),
    "minLength": _empty,
    "minProperties": _empty,
    "pattern": _described,
    "not": _described,
    "dependentRequired": _dependent,
}
