# SPDX-License-Identifier: Apache-2.0
"""What ``import vaststream`` finds under `runstream`."""

from vackit.compat.surroundings import prepare
from vackit.compat.vaststream import *  # noqa: F403

prepare()
del prepare
