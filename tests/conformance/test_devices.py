# SPDX-License-Identifier: Apache-2.0
"""Every device that is available here passes the conformance suite."""

import pytest

from vackit.devices.registry import device_table
from vackit.testing.conformance import DeviceConformance


@pytest.fixture(params=[entry.name for entry in device_table()])
def device_name(request: pytest.FixtureRequest) -> str:
    """Return the name of each known device; skip those that are unavailable, with why."""
    name: str = request.param
    reason = next(entry.reason for entry in device_table() if entry.name == name)
    if reason:
        pytest.skip(f"device '{name}': {reason}")
    return name


class TestEveryDevice(DeviceConformance):
    @pytest.fixture(autouse=True)
    def _choose(self, device_name: str) -> None:
        self.device_name = device_name
