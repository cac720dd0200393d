# SPDX-License-Identifier: Apache-2.0
"""How the embedded default was made: its model, its training, its export.

Needs the extra ``vackit[train]`` (PyTorch, scikit-learn); nothing else in vackit imports
this package.
"""

import importlib.util

from vackit.errors import VackitError


def require_extra() -> None:
    """Raise `VackitError` where a package of ``vackit[train]`` is not installed."""
    missing = [name for name in ("torch", "sklearn") if importlib.util.find_spec(name) is None]
    if missing:
        raise VackitError(
            f"needs packages that are not installed: {', '.join(missing)}",
            where="vackit.selftest.training",
            hint="pip install 'vackit[train]'",
        )
