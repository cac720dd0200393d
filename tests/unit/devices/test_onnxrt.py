# SPDX-License-Identifier: Apache-2.0
"""The emulator."""

import dataclasses
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from vackit.artifact.manifest import Manifest
from vackit.artifact.store import GRAPH_SUFFIX, Artifact, write_artifact
from vackit.devices import onnxrt
from vackit.devices.onnxrt import OnnxRuntimeDevice, OnnxRuntimeProgram
from vackit.errors import DeviceExecutionError
from vackit.testing.tiny_artifacts import write_tiny_artifact


def rewritten(artifact: Artifact, graph: bytes) -> Artifact:
    """Return the artifact with another graph under a manifest that fits its bytes."""
    prefix = artifact.prefix.with_name("other")
    return write_artifact(prefix, artifact.manifest, {GRAPH_SUFFIX: graph})


def test_onnxrt_computes_what_onnxruntime_computes(tmp_path: Path) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod", "conv")
    images = np.random.default_rng(0).random((4, 3, 8, 8), dtype=np.float32)
    with OnnxRuntimeDevice().load(artifact) as program:
        ours = program.infer({"input": images})["output"]
    session = onnxruntime.InferenceSession(
        str(artifact.graph_path), providers=["CPUExecutionProvider"]
    )
    np.testing.assert_array_equal(ours, session.run(None, {"input": images})[0])


def test_onnxrt_loops_over_a_model_of_fixed_batch(tmp_path: Path) -> None:
    fixed = write_tiny_artifact(tmp_path / "fixed", "conv", fixed_batch=True)
    free = write_tiny_artifact(tmp_path / "free", "conv")
    images = np.random.default_rng(0).random((3, 3, 8, 8), dtype=np.float32)
    with OnnxRuntimeDevice().load(fixed) as one, OnnxRuntimeDevice().load(free) as many:
        assert one.max_batch == 1
        # the same arithmetic in other batches: equal up to the order of float additions
        np.testing.assert_allclose(
            one.infer({"input": images})["output"],
            many.infer({"input": images})["output"],
            rtol=1e-6,
        )


def test_onnxrt_describes_what_decides_its_numbers(tmp_path: Path) -> None:
    device = OnnxRuntimeDevice(1)
    with device.load(write_tiny_artifact(tmp_path / "mod"), threads=2) as program:
        described = program.describe()
    assert described["device"] == "onnxrt:1"
    assert described["emulated"] is True
    assert described["onnxruntime"] == onnxruntime.__version__
    assert described["optimization_level"] == "ORT_ENABLE_ALL"
    assert described["cpu_isa"]
    assert described["threads"] == 2


@pytest.mark.parametrize("is_exact", [True, False], ids=["vnni", "no-vnni"])
def test_session_options_take_the_slow_exact_product_only_where_needed(
    monkeypatch: pytest.MonkeyPatch, is_exact: bool
) -> None:
    monkeypatch.setattr(onnxrt, "has_exact_u8s8", lambda: is_exact)
    options = onnxrt.session_options(threads=2)
    assert options.intra_op_num_threads == 2
    key = "session.x64quantprecision"
    if is_exact:
        with pytest.raises(RuntimeError, match=key):
            options.get_session_config_entry(key)
    else:
        assert options.get_session_config_entry(key) == "1"


def test_load_lets_weights_of_7_bits_take_the_fast_product_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnxrt, "has_exact_u8s8", lambda: False)
    taken = []
    options = onnxrt.session_options

    def spy(threads: int, **settings: bool) -> object:
        taken.append(settings)
        return options(threads, **settings)

    monkeypatch.setattr(onnxrt, "session_options", spy)
    artifact = write_tiny_artifact(tmp_path / "mod", dtype="int8")
    quantization = {**(artifact.manifest.quantization or {}), "reduce_range": True}
    reduced = dataclasses.replace(artifact.manifest, quantization=quantization)
    OnnxRuntimeDevice().load(artifact).close()
    OnnxRuntimeDevice().load(dataclasses.replace(artifact, manifest=reduced)).close()
    assert taken == [{"has_reduced_weights": False}, {"has_reduced_weights": True}]
    with pytest.raises(RuntimeError, match=r"session\.x64quantprecision"):
        options(1, has_reduced_weights=True).get_session_config_entry("session.x64quantprecision")


@pytest.mark.parametrize(
    ("is_exact", "is_x86", "says"),
    [(True, True, False), (False, True, True), (False, False, False)],
    ids=["vnni", "no-vnni", "arm"],
)
def test_remark_says_where_int8_is_slow(
    monkeypatch: pytest.MonkeyPatch, is_exact: bool, is_x86: bool, says: bool
) -> None:
    monkeypatch.setattr(onnxrt, "has_exact_u8s8", lambda: is_exact)
    monkeypatch.setattr(onnxrt, "is_x86", lambda: is_x86)
    remark = "no VNNI: int8 is exact but slower, unless built with quantize.reduce_range"
    assert OnnxRuntimeDevice.remark() == (remark if says else "")


def test_load_reports_a_corrupt_graph(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod")
    with pytest.raises(DeviceExecutionError, match=r"other\.onnx: onnxruntime cannot load it: "):
        OnnxRuntimeDevice().load(rewritten(artifact, b"\x08\x00garbage"))
    assert capfd.readouterr().err == ""


def test_load_reports_missing_weights(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod")
    artifact.path(".onnx.data").unlink()
    with pytest.raises(DeviceExecutionError, match="onnxruntime cannot load it: "):
        OnnxRuntimeDevice().load(artifact)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("field", ["inputs", "outputs"])
def test_load_reports_a_manifest_of_another_graph(tmp_path: Path, field: str) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod")
    data = artifact.manifest.to_json()
    data[field][0]["name"] = "other"
    manifest = Manifest.from_json(data, "mod")
    with pytest.raises(
        DeviceExecutionError, match=rf"its {field} are \['\w+'\], its manifest says \['other'\]"
    ):
        OnnxRuntimeDevice().load(Artifact(artifact.prefix, manifest))


def test_submit_reports_what_onnxruntime_raises(tmp_path: Path) -> None:
    artifact = write_tiny_artifact(tmp_path / "mod")
    with OnnxRuntimeDevice().load(artifact) as program:
        # past the contract's own check, as a graph would that its manifest misdescribes
        future = program._submit({"input": np.zeros((1, 5, 8, 8), np.float32)})
        with pytest.raises(DeviceExecutionError, match="onnxruntime: "):
            future.result()


def test_submit_refuses_when_closed_meanwhile(tmp_path: Path) -> None:
    program = OnnxRuntimeDevice().load(write_tiny_artifact(tmp_path / "mod"))
    assert isinstance(program, OnnxRuntimeProgram)
    program.close()
    future = program._submit({"input": np.zeros((1, 3, 8, 8), np.float32)})
    with pytest.raises(DeviceExecutionError, match="the program is closed"):
        future.result()


def test_unavailable_says_why_when_onnxruntime_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert OnnxRuntimeDevice.unavailable() == ""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    assert "onnxruntime cannot be imported" in OnnxRuntimeDevice.unavailable()
