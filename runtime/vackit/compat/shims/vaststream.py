# SPDX-License-Identifier: Apache-2.0
"""What ``import vaststream`` finds under `runstream`."""

from vackit.compat.vaststream import *  # noqa: F403
