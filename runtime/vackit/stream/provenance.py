# SPDX-License-Identifier: Apache-2.0
"""Where results come from: what decides their numbers, JSON-ready."""

from dataclasses import asdict
from typing import Any

from vackit._version import tool_versions
from vackit.config.vdsp import VdspParams
from vackit.devices.base import Program


def provenance(program: Program, vdsp: VdspParams | None, batch_size: int) -> dict[str, Any]:
    """Describe a run, so that two runs with equal descriptions give equal numbers.

    Holds no path, host or time: ``emulated``, ``device`` (with its versions), ``artifact``
    (name, dtype, sha256 of its manifest, which names the sha256 of every part),
    ``vdsp_params`` (normalized, None without), ``batch_size``, ``tools``.
    """
    import cv2

    device = program.describe()
    artifact = program.artifact
    return {
        "emulated": device["emulated"],
        "device": device,
        "artifact": {
            "name": artifact.manifest.name,
            "dtype": artifact.manifest.dtype,
            "manifest_sha256": artifact.manifest_sha256,
        },
        "vdsp_params": None if vdsp is None else _described(vdsp),
        "batch_size": batch_size,
        "tools": {**tool_versions("numpy"), "opencv": cv2.__version__},
    }


def _described(vdsp: VdspParams) -> dict[str, Any]:
    return {key: value for key, value in asdict(vdsp).items() if key != "source"}
