# SPDX-License-Identifier: Apache-2.0
"""What is written beside results."""

import json
from pathlib import Path

from vackit.config.vdsp import VdspParams
from vackit.devices.registry import get_device
from vackit.files import sha256_file
from vackit.stream.provenance import provenance
from vackit.testing.tiny_artifacts import write_tiny_artifact


def test_provenance_names_device_artifact_and_preprocessing(tmp_path: Path) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod", "identity")
    params = VdspParams("OP", mean=(0.5, 0.5, 0.5), source=tmp_path / "x.json")
    with get_device("onnxrt").load(artifact) as program:
        run = provenance(program, params, 4)
    assert run["emulated"] is True
    assert run["device"]["optimization_level"] == "ORT_ENABLE_ALL"
    assert run["artifact"] == {
        "name": "tiny_identity",
        "dtype": "fp32",
        "manifest_sha256": sha256_file(tmp_path / "mod.vackit.json"),
    }
    assert run["vdsp_params"]["mean"] == (0.5, 0.5, 0.5)
    assert run["batch_size"] == 4
    # it lands in files that must not tell where they were made
    assert str(tmp_path) not in json.dumps(run)


def test_provenance_without_preprocessing_says_so(tmp_path: Path) -> None:
    with get_device("null").load(write_tiny_artifact(tmp_path / "mod")) as program:
        assert provenance(program, None, 1)["vdsp_params"] is None
