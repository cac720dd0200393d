# SPDX-License-Identifier: Apache-2.0
"""What a measurement says."""

from array import array
from pathlib import Path

import pytest

from vackit.bench.load import LoadPlan, LoadResult
from vackit.bench.report import SpeedReport, make_report
from vackit.config.vdsp import VdspParams

DESCRIPTION = {"device": "onnxrt:2", "emulated": True, "cpu_isa": ["avx2", "fma"], "threads": 1}


def report(*, emulated: bool = True, vdsp: VdspParams | None = None) -> SpeedReport:
    plan = LoadPlan(
        Path("a/mod"), "onnxrt:2", vdsp, instances=2, processes=2, batch_size=8, warmup=5
    )
    description = {**DESCRIPTION, "emulated": emulated}
    results = [
        LoadResult(array("q", [1_000_000] * 40), 2.0, description, None, "a picture"),
        LoadResult(array("q", [3_000_500] * 40), 4.0, description, None, "a picture"),
    ]
    return make_report(plan, results)


def test_report_joins_the_processes() -> None:
    joined = report()
    assert joined.num_samples == 80
    assert joined.duration_s == 4.0  # of the slowest
    assert joined.throughput == 20.0  # samples, not batches


def test_to_text_has_the_published_layout() -> None:
    text = report().to_text()
    assert text.splitlines()[:13] == [
        "- number of instances: 2",
        "  devices: [2]",
        "  queue size: 1",
        "  batch size: 8",
        "  throughput (qps): 20.00",
        "  latency (us):",
        "    avg latency: 2000",
        "    min latency: 1000",
        "    max latency: 3000",
        "    p50 latency: 1000",
        "    p90 latency: 3000",
        "    p95 latency: 3000",
        "    p99 latency: 3000",
    ]


@pytest.mark.parametrize(
    "line",
    [
        "  processes: 2",
        "  executed together: 8",
        "  warm-up (batches per instance): 5",
        "  measured (s): 4.000",
        "  samples: 80",
        "  device: onnxrt:2 (cpu_isa avx2+fma, threads 1)",
        "  emulated: yes, on this computer's CPU; a card's speed is another",
    ],
)
def test_to_text_says_what_the_numbers_rest_on(line: str) -> None:
    assert line in report().to_text().splitlines()


def test_report_says_what_was_timed() -> None:
    assert report().timed.startswith("inference alone on a picture, submit to result")
    with_vdsp = report(vdsp=VdspParams("OP"))
    assert with_vdsp.timed.startswith("vdsp preprocessing of a picture and inference")


def test_to_text_says_nothing_of_emulation_when_a_card_ran() -> None:
    assert "emulated" not in report(emulated=False).to_text()


def test_to_json_has_units_in_its_keys() -> None:
    assert report().to_json() == {
        "artifact": "a/mod",
        "timed": "inference alone on a picture, submit to result, in host memory; no files are "
        "read",
        "emulated": True,
        "instances": 2,
        "processes": 2,
        "batch_size": 8,
        "max_batch": None,
        "warmup_batches_per_instance": 5,
        "num_samples": 80,
        "duration_s": 4.0,
        "throughput_samples_per_s": 20.0,
        "latency_avg_ms": 2.00025,
        "latency_min_ms": 1.0,
        "latency_max_ms": 3.0005,
        "latency_p50_ms": 1.0,
        "latency_p90_ms": 3.0005,
        "latency_p95_ms": 3.0005,
        "latency_p99_ms": 3.0005,
        "device": DESCRIPTION,
    }
