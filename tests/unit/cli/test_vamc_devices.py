# SPDX-License-Identifier: Apache-2.0
"""``vamc devices``."""

import argparse
import json

import pytest

from vackit.cli import vamc_devices
from vackit.devices import onnxrt, registry
from vackit.devices.base import Capabilities
from vackit.devices.registry import DeviceEntry


def test_devices_lists_what_there_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxrt, "has_exact_u8s8", lambda: True)
    assert vamc_devices.run(argparse.Namespace(json=False)) == 0
    *lines, card = capsys.readouterr().out.splitlines()
    assert lines == [
        "device  from    available  runs",
        "null    vackit  yes        fp32, fp16, int8; emulated",
        "onnxrt  vackit  yes        fp32, fp16, int8; emulated",
    ]
    assert card.startswith("vacc    vackit  no         no ")


def test_devices_says_why_one_is_unavailable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [
        DeviceEntry("card", "acme", "", Capabilities(("int8",), max_batch=16), "it is hot"),
        DeviceEntry("old", "acme", "no card answers", None),
    ]
    monkeypatch.setattr(registry, "device_table", lambda: entries)
    vamc_devices.run(argparse.Namespace(json=False))
    assert capsys.readouterr().out.splitlines()[1:] == [
        "card    acme  yes        int8; batch up to 16; it is hot",
        "old     acme  no         no card answers",
    ]
    vamc_devices.run(argparse.Namespace(json=True))
    assert json.loads(capsys.readouterr().out) == [
        {
            "device": "card",
            "distribution": "acme",
            "available": True,
            "reason": "",
            "remark": "it is hot",
            "dtypes": ["int8"],
            "max_batch": 16,
            "emulated": False,
        },
        {
            "device": "old",
            "distribution": "acme",
            "available": False,
            "reason": "no card answers",
            "remark": "",
            "dtypes": [],
            "max_batch": None,
            "emulated": None,
        },
    ]


def test_devices_takes_no_arguments_of_its_own() -> None:
    parser = argparse.ArgumentParser()
    vamc_devices.add_arguments(parser)
    assert parser.parse_args([]) == argparse.Namespace()
