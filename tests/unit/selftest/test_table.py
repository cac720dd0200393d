# SPDX-License-Identifier: Apache-2.0
from typing import Any

from vackit.selftest.table import format_table


def _scores(top1: int) -> dict[str, Any]:
    return {
        "n": 360,
        "top1": 100 * top1 / 360,
        "top1_count": top1,
        "top1_interval_95": [97.5, 99.75],
        "top5": 100.0,
        "top5_count": 360,
        "top5_interval_95": [98.94, 100.0],
    }


def _speed(throughput: float) -> dict[str, Any]:
    return {
        "throughput_samples_per_s": throughput,
        "latency_p50_ms": 0.5,
        "latency_p90_ms": 0.75,
        "latency_p99_ms": 1.25,
        "batch_size": 1,
        "instances": 1,
        "processes": 1,
        "duration_s": 3.001,
        "timed": "preprocessing and inference",
        "emulated": True,
        "device": {
            "device": "onnxrt:0",
            "emulated": True,
            "onnxruntime": "1.31.1",
            "cpu_isa": ["avx2", "vnni"],
        },
    }


def _report() -> dict[str, Any]:
    return {
        "model": "net.onnx",
        "n": 360,
        "accuracy": {"fp32": _scores(357), "int8": _scores(355)},
        "speed": {"fp32": _speed(1000.4), "int8": _speed(1500.6)},
        "runstream_int8": _scores(355),
        "recorded": {"n": 360, "top1": 99.16666, "top1_count": 357},
        "seconds": 42.04,
    }


def test_table_shows_rates_with_counts_and_intervals_beside_each_other() -> None:
    assert format_table(_report()).splitlines()[:12] == [
        "net.onnx on 360 handwritten digits that it was not trained on",
        "",
        "                          float32               int8",
        "top-1                     99.17 % (357/360)     98.61 % (355/360)",
        "  95 % interval           97.50 to 99.75        97.50 to 99.75",
        "top-5                     100.00 % (360/360)    100.00 % (360/360)",
        "  95 % interval           98.94 to 100.00       98.94 to 100.00",
        "throughput (samples/s)    1000                  1501",
        "latency p50 (ms)          0.500                 0.500",
        "latency p90 (ms)          0.750                 0.750",
        "latency p99 (ms)          1.250                 1.250",
        "",
    ]


def test_table_says_how_the_speed_was_measured_and_that_it_is_emulated() -> None:
    text = format_table(_report())
    assert "batch size 1, instances 1, processes 1, 3.0 s each; timed: preprocessing" in text
    assert "emulated: onnxrt:0 (onnxruntime 1.31.1, cpu_isa avx2+vnni), on this computer" in text
    assert text.endswith("whole demo: 42.0 s")


def test_table_does_not_say_emulated_on_a_card() -> None:
    report = _report()
    for speed in report["speed"].values():
        speed["emulated"] = False
    assert "emulated" not in format_table(report)
