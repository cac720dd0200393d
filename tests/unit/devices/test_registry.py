# SPDX-License-Identifier: Apache-2.0
"""The registry: built-ins, plug-ins, the choice of ``auto``."""

import types
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Any

import pytest

from vackit.devices.base import Capabilities
from vackit.devices.null import NullDevice
from vackit.devices.registry import available_devices, device_table, get_device
from vackit.errors import (
    DeviceError,
    DeviceNotFoundError,
    DeviceUnavailableError,
    UsageError,
)


class Card(NullDevice):
    name = "card"
    capabilities = Capabilities(("int8",), max_batch=8)


class EmptySlot(Card):
    @classmethod
    def unavailable(cls) -> str:
        return "no card answers"


class SecondEmulator(NullDevice):
    name = "second"


class Explosive(Card):
    @classmethod
    def unavailable(cls) -> str:
        raise RuntimeError("driver crashed")


@dataclass
class Point:
    name: str
    value: str
    distribution: str

    @property
    def dist(self) -> Any:
        return types.SimpleNamespace(name=self.distribution)


Install = Callable[..., None]


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a function that makes plug-ins appear installed."""

    def install(*points: Point) -> None:
        monkeypatch.delenv("VACKIT_PLUGINS", raising=False)
        monkeypatch.setattr(metadata, "entry_points", lambda group: list(points))

    return install


def plugin(name: str, class_name: str, distribution: str = "acme-vackit") -> Point:
    return Point(name, f"{__name__}:{class_name}", distribution)


def test_get_device_returns_the_emulator_when_auto_and_no_card() -> None:
    assert get_device("auto").spec == "onnxrt:0"


def test_get_device_returns_the_card_when_auto_and_one_answers(install: Install) -> None:
    install(plugin("card", "Card"))
    assert get_device("auto").spec == "card:0"


@pytest.mark.parametrize("class_name", ["EmptySlot", "SecondEmulator", "Explosive", "Missing"])
def test_get_device_passes_over_a_plugin_that_is_no_usable_card(
    install: Install, class_name: str
) -> None:
    install(plugin("card", class_name))
    assert get_device("auto").spec == "onnxrt:0"


def test_get_device_reads_name_and_index() -> None:
    assert get_device("null:3").spec == "null:3"


def test_get_device_takes_the_index_when_the_spec_leaves_it_open() -> None:
    assert get_device("null", 6).spec == "null:6"
    assert get_device("auto", 1).spec == "onnxrt:1"
    assert get_device("null:2", 2).spec == "null:2"


def test_get_device_refuses_two_indices() -> None:
    with pytest.raises(UsageError, match="device 'null:2' is not the one with index 3"):
        get_device("null:2", 3)


def test_get_device_reads_the_environment_when_given_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VACKIT_DEVICE", "null:1")
    assert get_device(None).spec == "null:1"
    monkeypatch.setenv("VACKIT_DEVICE", "")
    assert get_device(None).spec == "onnxrt:0"


@pytest.mark.parametrize("spec", ["", ":0", "null:", "null:x", "null:-1", "null:1:2", "null:²"])
def test_get_device_refuses_what_is_no_spec(spec: str) -> None:
    with pytest.raises(UsageError, match="is no device; expected a name, or name:index"):
        get_device(spec)


def test_get_device_suggests_a_near_name() -> None:
    with pytest.raises(
        DeviceNotFoundError, match="no device named 'onnxrtt'; known: null, onnxrt, vacc"
    ):
        get_device("onnxrtt")
    with pytest.raises(DeviceNotFoundError, match="did you mean 'onnxrt'"):
        get_device("onnxrtt")


def test_get_device_says_why_a_device_is_unavailable(install: Install) -> None:
    install(plugin("card", "EmptySlot"))
    with pytest.raises(
        DeviceUnavailableError, match="device 'card' is not available: no card answers"
    ):
        get_device("card")


def test_get_device_names_the_package_that_is_missing(install: Install) -> None:
    install(Point("card", "acme_runtime.device:Card", "acme-vackit"))
    with pytest.raises(
        DeviceUnavailableError, match="needs a package that is not installed: acme_runtime"
    ):
        get_device("card")


def test_get_device_names_a_broken_plugin(install: Install) -> None:
    install(plugin("card", "Missing"))
    with pytest.raises(
        DeviceUnavailableError, match="device 'card' of acme-vackit cannot be loaded"
    ):
        get_device("card")


def test_get_device_refuses_a_plugin_that_is_no_device(install: Install) -> None:
    install(plugin("card", "Point"))
    with pytest.raises(DeviceUnavailableError, match=r"is no vackit\.devices\.base\.Device"):
        get_device("card")


def test_registry_refuses_a_plugin_with_a_built_ins_name(install: Install) -> None:
    install(plugin("onnxrt", "Card"))
    with pytest.raises(
        DeviceError, match="a device named 'onnxrt': vackit and acme-vackit\n  hint: uninstall"
    ):
        get_device("null")


def test_registry_refuses_two_plugins_of_one_name(install: Install) -> None:
    install(plugin("card", "Card"), plugin("card", "Card", "other-vackit"))
    with pytest.raises(DeviceError, match="'card': acme-vackit and other-vackit"):
        device_table()


@pytest.mark.parametrize(
    ("chosen", "names"),
    [
        ("none", ["null", "onnxrt", "vacc"]),
        ("card", ["card", "null", "onnxrt", "vacc"]),
        ("other-vackit, nothing", ["null", "onnxrt", "slot", "vacc"]),
        ("", ["card", "null", "onnxrt", "slot", "vacc"]),
    ],
    ids=["none", "by device", "by distribution", "empty means all"],
)
def test_plugins_are_narrowed_by_the_environment(
    install: Install, monkeypatch: pytest.MonkeyPatch, chosen: str, names: list[str]
) -> None:
    install(plugin("card", "Card"), plugin("slot", "EmptySlot", "other-vackit"))
    monkeypatch.setenv("VACKIT_PLUGINS", chosen)
    assert [entry.name for entry in device_table()] == names


def test_a_chosen_plugin_that_is_not_installed_is_reported(
    install: Install, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    install(plugin("card", "Card"))
    monkeypatch.setenv("VACKIT_PLUGINS", "card,crad")
    assert get_device("auto").spec == "card:0"
    assert caplog.messages == ["VACKIT_PLUGINS names 'crad'; no such plug-in is installed"]


def test_device_table_keeps_broken_plugins_with_their_reason(install: Install) -> None:
    install(plugin("card", "Explosive"), plugin("slot", "EmptySlot"))
    table = {entry.name: entry for entry in device_table()}
    assert table["card"].reason == "RuntimeError('driver crashed')"
    assert table["card"].capabilities is None
    assert table["slot"].reason == "no card answers"
    assert table["slot"].distribution == "acme-vackit"
    assert available_devices() == ["null", "onnxrt"]
