# SPDX-License-Identifier: Apache-2.0
"""Cards and dies as an emulated card reports them: one card of one die.

Memory is the host's. What a host does not tell of an accelerator (temperature, power, load)
is zero.
"""

import os
from collections.abc import Mapping, Sequence

from vackit.compat.vaststreamx.context import checked_id

EMULATED_UUID = "EMULATED0000"
EMULATED_TYPE = "EMULATOR"


class Die:
    """One die of a card.

    Attributes:
        device_id: What `set_device` takes.
    """

    def __init__(self, device_id: int = 0) -> None:
        self.device_id = checked_id(device_id)

    @property
    def temperature(self) -> Mapping[str, Sequence[int]]:
        """Return ``temperature``: in units of 0.01 degrees Celsius."""
        return {"temperature": [0] * 4}

    @property
    def power(self) -> Mapping[str, Sequence[int]]:
        """Return ``power``: in microwatt."""
        return {"power": [0] * 4}

    @property
    def memory(self) -> Mapping[str, float]:
        """Return ``total``, ``free``, ``used`` in bytes and ``usage_rate`` in percent."""
        page = os.sysconf("SC_PAGE_SIZE")
        total = os.sysconf("SC_PHYS_PAGES") * page
        free = os.sysconf("SC_AVPHYS_PAGES") * page
        used = total - free
        return {"total": total, "free": free, "used": used, "usage_rate": 100 * used / total}

    @property
    def utilization(self) -> Mapping[str, int | Sequence[int]]:
        """Return ``ai`` and, per unit, ``vdsp``, ``vdmcu``, ``vemcu``: in percent."""
        return {"ai": 0, "vdsp": [0] * 4, "vdmcu": [0] * 4, "vemcu": [0] * 4}


class Card:
    """A card: ``uuid``, ``card_type`` and its ``dies``."""

    def __init__(self) -> None:
        self.uuid = EMULATED_UUID
        self.card_type = EMULATED_TYPE
        self.dies = [Die(0)]


def get_all_cards() -> list[Card]:
    """Return the emulated card."""
    return [Card()]


def get_all_cards_count() -> int:
    """Return 1."""
    return len(get_all_cards())
