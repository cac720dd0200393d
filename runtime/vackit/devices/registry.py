# SPDX-License-Identifier: Apache-2.0
"""Every device by name: built-ins in a table, others from entry points.

``VACKIT_DEVICE`` names the device where a caller leaves the choice open, ``VACKIT_PLUGINS``
narrows the plug-ins (``none``, or device or distribution names separated by commas).
Nothing heavy is imported before a device is asked for.
"""

import importlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import metadata
from typing import TYPE_CHECKING

from vackit.config.environment import DEVICE_VARIABLE as DEVICE_VARIABLE
from vackit.config.environment import PLUGINS_VARIABLE as PLUGINS_VARIABLE
from vackit.config.environment import variable
from vackit.console import DEVICE_PLUGINS
from vackit.errors import DeviceError, DeviceNotFoundError, DeviceUnavailableError, UsageError

if TYPE_CHECKING:
    from vackit.devices.base import Capabilities, Device

AUTO = "auto"
EMULATOR = "onnxrt"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Source:
    """Where a device's class is: ``target`` is ``"module:Class"``."""

    target: str
    distribution: str
    install: str = ""


@dataclass(frozen=True)
class DeviceEntry:
    """One line of the table of devices.

    Attributes:
        name: The device's.
        distribution: Where it comes from.
        reason: Why it is unavailable; empty where it is available.
        capabilities: What it runs.
        remark: What to know of it on this machine.
    """

    name: str
    distribution: str
    reason: str
    capabilities: "Capabilities | None"
    remark: str = ""

    @property
    def is_available(self) -> bool:
        """Tell whether the device can be used here."""
        return not self.reason


_BUILTINS = {
    "null": Source("vackit.devices.null:NullDevice", "vackit"),
    "onnxrt": Source(
        "vackit.devices.onnxrt:OnnxRuntimeDevice", "vackit", "pip install onnxruntime"
    ),
    "vacc": Source(
        "vackit.devices.vacc:VaccDevice",
        "vackit",
        "install the card's driver and its Python module vaststreamx",
    ),
}
_NEVER_CHOSEN = {EMULATOR, "null"}


def get_device(spec: str | None = AUTO, index: int | None = None) -> "Device":
    """Return the device that ``spec`` means.

    Args:
        spec: ``name``, ``name:index`` or ``"auto"``: a card where its runtime is installed
            and one answers, otherwise the emulator. None: what ``VACKIT_DEVICE`` says,
            ``"auto"`` where it says nothing.
        index: Which of the devices of that name, where ``spec`` leaves it open.

    Raises:
        UsageError: ``spec`` is not of that form, or names another index.
        DeviceNotFoundError: No device has that name.
        DeviceUnavailableError: Its runtime or its hardware is not there.
    """
    if spec is None:
        spec = variable(DEVICE_VARIABLE) or AUTO
    name, spec_index = _parse(spec)
    if None not in (index, spec_index) and index != spec_index:
        raise UsageError(f"device '{spec}' is not the one with index {index}")
    sources = _sources()
    if name == AUTO:
        name = _choose(sources)
    if name not in sources:
        raise _unknown(name, sources)
    device_class = _import(name, sources[name])
    if reason := device_class.unavailable():
        raise DeviceUnavailableError(
            f"device '{name}' is not available: {reason}", hint=sources[name].install
        )
    return device_class(index or spec_index or 0)


def available_devices() -> list[str]:
    """Return the names of the devices that can be used here, sorted."""
    return [entry.name for entry in device_table() if entry.is_available]


def device_table() -> list[DeviceEntry]:
    """Return every known device with why it cannot be used, by name."""
    return [_entry(name, source) for name, source in sorted(_sources().items())]


def _parse(spec: str) -> tuple[str, int | None]:
    name, colon, index = spec.partition(":")
    if not name or (colon and not (index.isascii() and index.isdigit())):
        raise UsageError(
            f"'{spec}' is no device; expected a name, or name:index with an index from 0",
            hint="`vamc devices` lists them",
        )
    return name, int(index) if index else None


def _unknown(name: str, sources: dict[str, Source]) -> DeviceNotFoundError:
    close = get_close_matches(name, [*sources, AUTO], n=1)
    return DeviceNotFoundError(
        f"no device named '{name}'; known: {', '.join(sorted(sources))}",
        hint=f"did you mean '{close[0]}'?" if close else "",
    )


def _choose(sources: dict[str, Source]) -> str:
    for name in sorted(set(sources) - _NEVER_CHOSEN):
        entry = _entry(name, sources[name])
        if entry.reason:
            logger.info("device '%s' is passed over: %s", name, entry.reason)
        elif entry.capabilities is not None and not entry.capabilities.emulated:
            return name
    return EMULATOR


def _entry(name: str, source: Source) -> DeviceEntry:
    try:
        device_class = _import(name, source)
        reason, remark = device_class.unavailable(), device_class.remark()
    except Exception as error:  # a broken plug-in is reported, and stops nobody else
        cause = error.message if isinstance(error, DeviceUnavailableError) else repr(error)
        return DeviceEntry(name, source.distribution, cause, None)
    return DeviceEntry(name, source.distribution, reason, device_class.capabilities, remark)


def _import(name: str, source: Source) -> "type[Device]":
    from vackit.devices.base import Device

    module_name, _, class_name = source.target.partition(":")
    try:
        device_class = getattr(importlib.import_module(module_name), class_name)
    except ModuleNotFoundError as error:
        raise DeviceUnavailableError(
            f"device '{name}' needs a package that is not installed: {error.name}",
            hint=source.install,
        ) from error
    except Exception as error:
        raise DeviceUnavailableError(
            f"device '{name}' of {source.distribution} cannot be loaded: {error!r}"
        ) from error
    if not (isinstance(device_class, type) and issubclass(device_class, Device)):
        raise DeviceUnavailableError(
            f"device '{name}' of {source.distribution} is broken: {source.target} is no "
            "vackit.devices.base.Device"
        )
    return device_class


def _sources() -> dict[str, Source]:
    sources = dict(_BUILTINS)
    for name, source in _plugins():
        if name in sources:
            raise DeviceError(
                f"two distributions offer a device named '{name}': "
                f"{sources[name].distribution} and {source.distribution}",
                hint=f"uninstall one, or set {PLUGINS_VARIABLE}=none",
            )
        sources[name] = source
    return sources


def _plugins() -> Iterator[tuple[str, Source]]:
    chosen = variable(PLUGINS_VARIABLE)
    if chosen == "none":
        return
    wanted = {part.strip() for part in chosen.split(",")} if chosen else None
    found: set[str] = set()
    for point in metadata.entry_points(group=DEVICE_PLUGINS):
        distribution = point.dist.name if point.dist else "an unknown distribution"
        names = {point.name, distribution}
        if wanted is None or wanted & names:
            found |= names
            yield point.name, Source(point.value, distribution)
    for name in sorted((wanted or set()) - found):
        logger.warning("%s names '%s'; no such plug-in is installed", PLUGINS_VARIABLE, name)
