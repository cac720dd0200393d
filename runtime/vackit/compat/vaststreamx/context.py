# SPDX-License-Identifier: Apache-2.0
"""Where things lie: the device of a thread, and contexts that name host or card."""

import operator
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from vackit.compat.vaststreamx.enums import PublishedEnum
from vackit.errors import DeviceError

if TYPE_CHECKING:
    from vackit.devices.base import Device

_thread = threading.local()
_UNSAID = -1  # a device id that a program leaves open


class DeviceType(PublishedEnum):
    """Host or card."""

    CPU = 0
    VACC = 1


@dataclass(frozen=True)
class Context:
    """A place for images and tensors; on the emulator all of them are memory of the host."""

    dev_type: DeviceType
    dev_id: int = 0

    @staticmethod
    def CPU() -> "Context":  # noqa: N802 - the published name
        """Return the host."""
        return Context(DeviceType.CPU)

    @staticmethod
    def VACC(device_id: int = 0) -> "Context":  # noqa: N802 - the published name
        """Return a card's die."""
        return Context(DeviceType.VACC, device_id)


Place = Context | int


def set_device(device_id: int) -> int:
    """Choose the device of the calling thread; return 0.

    Raises:
        DeviceError: ``device_id`` is no whole number from 0.
    """
    _thread.device_id = checked_id(device_id)
    return 0


def current_device_id() -> int:
    """Return what this thread has chosen, 0 where it has not."""
    return int(getattr(_thread, "device_id", 0))


def checked_id(device_id: object) -> int:
    """Return a device id as int."""
    try:
        number = operator.index(device_id)  # type: ignore[arg-type]
    except TypeError:
        number = -1
    if number < 0:
        raise DeviceError(f"device id is {device_id!r}, expected a whole number from 0")
    return number


def place_id(place: Place) -> int:
    """Return the device id that an id or a context means; -1 is the calling thread's device."""
    if isinstance(place, Context):
        return place.dev_id
    return current_device_id() if place == _UNSAID else checked_id(place)


def open_device() -> "Device":
    """Return the device on which this thread's models run.

    What ``runstream --device`` chose counts; its index too, where it has one. Otherwise the
    program's own device id is the index.
    """
    from vackit.devices.registry import get_device

    device = get_device(None)
    index = current_device_id()
    return device if device.index or not index else get_device(f"{device.name}:{index}")
