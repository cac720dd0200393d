# SPDX-License-Identifier: Apache-2.0
"""A model over a datalist."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from vackit.bench.datalist import DatalistPlan, run_datalist
from vackit.compiler.pipeline import build
from vackit.config.build import load_build_config
from vackit.config.vdsp import VdspParams
from vackit.data.datalist import write_datalist
from vackit.data.npz import read_npz, write_npz
from vackit.errors import DataError, StreamError
from vackit.results.reader import read_results
from vackit.testing import tiny_models
from vackit.testing.tiny_artifacts import write_tiny_artifact

NUM = 11
RESIZE = VdspParams("FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR", norma_type="DIV255")


@pytest.fixture
def plan(tmp_path: Path) -> DatalistPlan:
    write_tiny_artifact(tmp_path / "mod", "identity")
    paths = [tmp_path / "in" / f"{i}.npz" for i in range(NUM)]
    for i, path in enumerate(paths):
        write_npz(path, {"input_0": np.full((3, 9 + i, 20), 10 * i, np.uint8)})
    write_datalist(tmp_path / "list.txt", paths)
    return DatalistPlan(
        tmp_path / "mod", "onnxrt", tmp_path / "list.txt", tmp_path / "out", RESIZE, batch_size=4
    )


def pixel(folder: Path, index: int) -> float:
    output = read_npz(folder / f"output_{index:06d}.npz")["output_0"]
    assert output.dtype == np.float16
    assert output.shape == (1, 3, 8, 8)
    return float(output.flat[0])


@pytest.mark.parametrize(("workers", "batch_size"), [(1, 1), (3, 4), (2, 32)])
def test_run_datalist_writes_each_output_under_its_number(
    plan: DatalistPlan, workers: int, batch_size: int
) -> None:
    report = run_datalist(replace(plan, workers=workers, batch_size=batch_size))
    assert (report.num_inputs, report.num_written) == (NUM, NUM)
    for i in range(NUM):
        assert pixel(plan.output, i) == np.float16(10 * i / 255)


def test_run_datalist_joins_outputs_to_inputs_by_name(plan: DatalistPlan) -> None:
    run_datalist(plan)
    entries = read_results(plan.output).entries
    assert [Path(entry.input).name for entry in entries] == [f"{i}.npz" for i in range(NUM)]


def test_run_datalist_takes_outputs_whose_size_follows_the_values(
    plan: DatalistPlan, tmp_path: Path
) -> None:
    build_model = tiny_models.Builder()
    limit = build_model.weight("limit", np.array(0.2, np.float32))
    build_model.add("Greater", ["input", limit], "bright")
    build_model.add("NonZero", ["bright"], "found")
    build_model.add("Transpose", ["found"], "output")
    model = build_model.model({"input": [1, 3, 8, 8]}, {"output": ["n", 4]})
    model.graph.output[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    onnx.save(model, tmp_path / "finds.onnx")
    (tmp_path / "finds.yaml").write_text(
        "name: finds\n"
        "frontend: {type: onnx, checkpoint: finds.onnx, shape: {input: [1, 3, 8, 8]}}\n"
        "backend: {type: tvm_vacc, dtype: fp16}\n"
        f"workspace: {{path: {tmp_path}}}\n"
    )
    report = build(load_build_config(tmp_path / "finds.yaml"))
    run_datalist(replace(plan, prefix=report.prefix))
    counts = [len(read_npz(plan.output / f"output_{i:06d}.npz")["output_0"]) for i in range(NUM)]
    # 10 * i / 255 is above 0.2 from the sixth on
    assert counts == [0] * 6 + [3 * 8 * 8] * (NUM - 6)


def test_run_datalist_does_nothing_when_all_is_there(plan: DatalistPlan) -> None:
    run_datalist(plan)
    report = run_datalist(plan)
    assert report.num_written == 0
    assert "all 11 outputs are there already, nothing to do" in report.to_text()


def test_run_datalist_goes_on_after_an_interruption(plan: DatalistPlan) -> None:
    # an unreadable pixel stream in a well-formed npz: it shows only when it is read
    bad = plan.datalist.parent / "in" / "9.npz"
    good = bad.read_bytes()
    bad.write_bytes(good.replace(b"\x5a" * 40, b"\x5b" * 40))
    with pytest.raises(DataError, match=r"list\.txt:10: .*9\.npz: "):
        run_datalist(plan)
    assert pixel(plan.output, 7) == np.float16(70 / 255)
    bad.write_bytes(good)
    report = run_datalist(plan)
    assert 0 < report.num_written < NUM
    assert "were there already" in report.to_text()
    assert pixel(plan.output, 9) == np.float16(90 / 255)


def test_run_datalist_refuses_results_of_another_run(plan: DatalistPlan) -> None:
    run_datalist(plan)
    other = replace(plan, vdsp=replace(RESIZE, norma_type="EQUAL"))
    with pytest.raises(DataError, match="holds results of another run"):
        run_datalist(other)
    assert run_datalist(replace(other, force=True)).num_written == NUM
    assert pixel(plan.output, 1) == 10


def break_missing(path: Path) -> None:
    path.unlink()


def break_truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def break_name(path: Path) -> None:
    write_npz(path, {"data": np.zeros((3, 9, 9), np.uint8)})


def break_shape(path: Path) -> None:
    write_npz(path, {"input_0": np.zeros((9, 9), np.uint8)})


@pytest.mark.parametrize("damage", [break_missing, break_truncated, break_name, break_shape])
def test_run_datalist_names_the_line_of_a_file_that_cannot_be_read(
    plan: DatalistPlan, damage: Callable[[Path], None]
) -> None:
    damage(plan.datalist.parent / "in" / "5.npz")
    with pytest.raises(DataError, match=r"list\.txt:6: .*5\.npz: "):
        run_datalist(plan)


def test_run_datalist_names_the_line_of_images_without_preprocessing(plan: DatalistPlan) -> None:
    with pytest.raises(StreamError, match=r"list\.txt:1: .*0\.npz: .*\n  hint: give --vdsp_params"):
        run_datalist(replace(plan, vdsp=None))


def test_run_datalist_passes_arrays_straight_without_preprocessing(plan: DatalistPlan) -> None:
    value = np.full((1, 3, 8, 8), 0.25, np.float32)
    write_npz(plan.datalist.parent / "a.npz", {"input_0": value})
    write_datalist(plan.datalist, [plan.datalist.parent / "a.npz"])
    run_datalist(replace(plan, vdsp=None))
    assert pixel(plan.output, 0) == 0.25


def test_run_datalist_warns_when_the_model_cannot_batch(
    plan: DatalistPlan, caplog: pytest.LogCaptureFixture
) -> None:
    write_tiny_artifact(plan.prefix, "identity", fixed_batch=True)
    run_datalist(plan)
    assert "executes at most 1 together; a batch of 4 runs in parts" in caplog.text
    assert pixel(plan.output, 10) == np.float16(100 / 255)


def test_report_to_json_says_that_it_is_emulated(plan: DatalistPlan) -> None:
    data: dict[str, Any] = run_datalist(plan).to_json()
    assert data["emulated"] is True
    assert data["num_written"] == NUM
    assert data["run"]["batch_size"] == 4
