# SPDX-License-Identifier: Apache-2.0
"""What a speed measurement says: as text in the published layout, and as JSON."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from vackit.bench.load import LoadPlan, LoadResult
from vackit.bench.percentiles import LatencySummary, summarize


@dataclass(frozen=True)
class SpeedReport:
    """A plan and what came of it.

    Attributes:
        plan: What was asked for.
        description: Of the program and its device.
        max_batch: The most samples that it executes together.
        timed: What lies between the two clock readings of a latency.
        num_samples: Samples (not batches) finished in the measured time, all processes.
        duration_s: The measured time, of the slowest process.
        latency: Of single samples, over all processes.
    """

    plan: LoadPlan
    description: dict[str, Any]
    max_batch: int | None
    timed: str
    num_samples: int
    duration_s: float
    latency: LatencySummary

    @property
    def throughput(self) -> float:
        """Return samples per second."""
        return self.num_samples / self.duration_s

    @property
    def executed_together(self) -> int:
        """Return how many samples of a batch the program executes at once."""
        return min(self.plan.batch_size, self.max_batch or self.plan.batch_size)

    def to_json(self) -> dict[str, Any]:
        """Return the report with the unit in every key's name."""
        plan, latency = self.plan, self.latency
        return {
            "artifact": str(plan.prefix),
            "timed": self.timed,
            "emulated": self.description["emulated"],
            "instances": plan.instances,
            "processes": plan.processes,
            "batch_size": plan.batch_size,
            "max_batch": self.max_batch,
            "warmup_batches_per_instance": plan.warmup,
            "num_samples": self.num_samples,
            "duration_s": round(self.duration_s, 6),
            "throughput_samples_per_s": round(self.throughput, 3),
            **{f"latency_{name}_ms": round(ns / 1e6, 6) for name, ns in _rows(latency)},
            "device": self.description,
        }

    def to_text(self) -> str:
        """Return the report in the layout of the published profilers, and what it rests on."""
        plan = self.plan
        lines = [
            f"- number of instances: {plan.instances}",
            f"  devices: [{self.description['device'].rpartition(':')[2]}]",
            "  queue size: 1",
            f"  batch size: {plan.batch_size}",
            f"  throughput (qps): {self.throughput:.2f}",
            "  latency (us):",
            *(f"    {name} latency: {ns / 1e3:.0f}" for name, ns in _rows(self.latency)),
            f"  processes: {plan.processes}",
            f"  executed together: {self.executed_together}",
            f"  warm-up (batches per instance): {plan.warmup}",
            f"  measured (s): {self.duration_s:.3f}",
            f"  samples: {self.num_samples}",
            f"  timed: {self.timed}",
            f"  device: {_device_text(self.description)}",
        ]
        if self.description["emulated"]:
            lines.append("  emulated: yes, on this computer's CPU; a card's speed is another")
        return "\n".join(lines)


def make_report(plan: LoadPlan, results: Sequence[LoadResult]) -> SpeedReport:
    """Join what every process measured."""
    latencies = array("q")
    for result in results:
        latencies.extend(result.latencies_ns)
    first = results[0]
    return SpeedReport(
        plan=plan,
        description=first.description,
        max_batch=first.max_batch,
        timed=_timed(plan, first),
        num_samples=len(latencies),
        duration_s=max(result.duration_s for result in results),
        latency=summarize(latencies),
    )


def _rows(latency: LatencySummary) -> list[tuple[str, float]]:
    rows = [("avg", latency.average_ns), ("min", latency.min_ns), ("max", latency.max_ns)]
    return rows + [(f"p{percent}", ns) for percent, ns in latency.percentiles.items()]


def _timed(plan: LoadPlan, result: LoadResult) -> str:
    if plan.vdsp is None:
        work = f"inference alone on {result.sample}"
    else:
        work = f"vdsp preprocessing of {result.sample} and inference"
    return f"{work}, submit to result, in host memory; no files are read"


def _device_text(description: dict[str, Any]) -> str:
    details = [
        f"{key} {'+'.join(value) if isinstance(value, list) else value}"
        for key, value in description.items()
        if key not in ("device", "emulated")
    ]
    return f"{description['device']} ({', '.join(details)})" if details else description["device"]
