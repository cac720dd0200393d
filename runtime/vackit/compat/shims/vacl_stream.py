# SPDX-License-Identifier: Apache-2.0
"""What ``import vacl_stream`` finds under `runstream`."""

from vackit.compat.surroundings import prepare
from vackit.compat.vacl_stream import *  # noqa: F403

prepare()
del prepare
