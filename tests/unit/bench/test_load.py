# SPDX-License-Identifier: Apache-2.0
"""Load in one process and in several."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from vackit.bench.load import LoadPlan, run_load
from vackit.bench.processes import run_processes
from vackit.bench.report import make_report
from vackit.bench.speed import measure_speed
from vackit.errors import ArtifactError, UsageError
from vackit.testing.tiny_artifacts import write_tiny_artifact


@pytest.fixture
def plan(tmp_path: Path) -> LoadPlan:
    write_tiny_artifact(tmp_path / "mod", "identity")
    return LoadPlan(tmp_path / "mod", "null", batch_size=4, iterations=3, warmup=1)


def test_run_load_measures_every_sample_of_every_instance(plan: LoadPlan) -> None:
    result = run_load(replace(plan, instances=3))
    assert len(result.latencies_ns) == 3 * 4 * 3  # iterations x batch x instances
    assert min(result.latencies_ns) > 0
    assert result.duration_s > 0
    assert result.description["device"] == "null:0"
    assert result.sample == "random input [N, 3, 8, 8] float32"


def test_run_load_leaves_the_warm_up_out(plan: LoadPlan) -> None:
    assert len(run_load(replace(plan, warmup=50)).latencies_ns) == 12


def test_run_load_measures_whole_batches_until_the_time_is_over(plan: LoadPlan) -> None:
    result = run_load(replace(plan, iterations=None, seconds=0.05))
    assert result.duration_s >= 0.05
    assert len(result.latencies_ns) % 4 == 0


def test_run_load_measures_one_batch_at_least(plan: LoadPlan) -> None:
    assert len(run_load(replace(plan, iterations=None, seconds=1e-9)).latencies_ns) == 4


def test_run_load_starts_the_clock_after_go(plan: LoadPlan) -> None:
    calls: list[str] = []
    run_load(plan, lambda: calls.append("go"))
    assert calls == ["go"]


def test_run_load_ends_its_threads_when_interrupted(plan: LoadPlan) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt, match=r"^$"):
        run_load(replace(plan, instances=2), interrupt)


def test_run_load_reports_shapes_that_do_not_fit(plan: LoadPlan) -> None:
    with pytest.raises(UsageError, match="does not fit the model's inputs"):
        run_load(replace(plan, shapes=((1, 2),)))


def test_run_processes_gives_one_result_a_process(plan: LoadPlan) -> None:
    results = run_processes(replace(plan, processes=2))
    assert [len(result.latencies_ns) for result in results] == [12, 12]
    assert make_report(replace(plan, processes=2), results).num_samples == 24


def test_run_processes_reports_what_goes_wrong_in_one(plan: LoadPlan) -> None:
    with pytest.raises(ArtifactError, match="no compiled artifact here"):
        run_processes(replace(plan, processes=2, prefix=plan.prefix / "nothing"))


def test_run_processes_reports_a_process_that_dies(
    plan: LoadPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    from vackit.bench import processes
    from vackit.errors import DeviceExecutionError

    monkeypatch.setattr(processes, "_child", _die)
    with pytest.raises(DeviceExecutionError, match="a load process ended with exit code 3"):
        run_processes(replace(plan, processes=2))


def _die(*_: object) -> None:
    os._exit(3)


def test_measure_speed_warns_when_the_model_cannot_batch(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_tiny_artifact(tmp_path / "one", "identity", fixed_batch=True)
    report = measure_speed(LoadPlan(tmp_path / "one", "null", batch_size=8, iterations=2))
    assert report.num_samples == 16
    assert report.max_batch == 1
    assert "executes at most 1 together; a batch of 8 runs in parts" in caplog.text
