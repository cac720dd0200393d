# SPDX-License-Identifier: Apache-2.0
"""Deploy image classifiers on AI accelerators, or on the emulator where there is none."""

import importlib
from typing import Any

from vackit._version import __version__

# public name -> module; imported on first use (PEP 562), so that `import vackit` is cheap
_PUBLIC = {
    "Artifact": "vackit.artifact.store",
    "VackitError": "vackit.errors",
    "open_artifact": "vackit.artifact.store",
}

__all__ = ["Artifact", "VackitError", "__version__", "open_artifact"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vackit' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
