# SPDX-License-Identifier: Apache-2.0
"""What ``import vaststreamx`` finds under `runstream`."""

from vackit.compat.surroundings import prepare
from vackit.compat.vaststreamx import *  # noqa: F403
from vackit.compat.vaststreamx import __all__ as __all__  # what `help()` shows
from vackit.compat.vaststreamx import __version__ as __version__

prepare()
del prepare
