# SPDX-License-Identifier: Apache-2.0
"""What programs import of ``distutils``, which Python 3.12 has dropped.

Only where nothing else (setuptools, for instance) provides it.
"""

import importlib.util
import re
import sys
from functools import total_ordering
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_HAS_OWN = sys.version_info < (3, 12)
_TRUE = ("y", "yes", "t", "true", "on", "1")
_FALSE = ("n", "no", "f", "false", "off", "0")


def restore_distutils() -> None:
    """Let ``distutils.util`` and ``distutils.version`` be imported; twice is harmless."""
    if _HAS_OWN or "distutils" in sys.modules or importlib.util.find_spec("distutils"):
        return
    package = _made("distutils", is_package=True)
    _add(package, "util", strtobool=strtobool)
    _add(package, "version", LooseVersion=LooseVersion, StrictVersion=LooseVersion)
    sys.modules["distutils"] = package


def _add(package: ModuleType, name: str, **content: Any) -> None:
    module = _made(f"{package.__name__}.{name}")
    vars(module).update(content)
    setattr(package, name, module)
    sys.modules[module.__name__] = module


def _made(name: str, *, is_package: bool = False) -> ModuleType:
    """Return an empty module with a spec: `importlib.util.find_spec` raises where one has none."""
    return importlib.util.module_from_spec(ModuleSpec(name, None, is_package=is_package))


def strtobool(val: str) -> int:
    """Return 1 or 0 for a word that says yes or no.

    Raises:
        ValueError: It says neither.
    """
    word = val.lower()
    if word not in (*_TRUE, *_FALSE):
        raise ValueError(f"invalid truth value {word!r}")
    return int(word in _TRUE)


@total_ordering
class LooseVersion:
    """A version of numbers and words, compared part by part."""

    def __init__(self, vstring: str) -> None:
        self.vstring = vstring
        parts = re.findall(r"\d+|[a-z]+", vstring)
        self.version: list[int | str] = [int(one) if one.isdigit() else one for one in parts]

    def _other(self, other: object) -> "LooseVersion":
        return other if isinstance(other, LooseVersion) else LooseVersion(str(other))

    def __eq__(self, other: object) -> bool:
        return self.version == self._other(other).version

    def __lt__(self, other: object) -> bool:
        return _order(self.version) < _order(self._other(other).version)

    def __hash__(self) -> int:
        return hash(tuple(self.version))

    def __str__(self) -> str:
        return self.vstring


def _order(version: list[int | str]) -> list[tuple[bool, Any]]:
    """Return what orders a version: words come before numbers."""
    return [(isinstance(part, int), part) for part in version]
