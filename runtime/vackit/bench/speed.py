# SPDX-License-Identifier: Apache-2.0
"""Measure the speed of an artifact on a device."""

import logging

from vackit.bench.load import LoadPlan
from vackit.bench.processes import run_processes
from vackit.bench.report import SpeedReport, make_report

logger = logging.getLogger(__name__)


def measure_speed(plan: LoadPlan) -> SpeedReport:
    """Load, warm up, measure, report.

    Raises:
        VackitError: The artifact, the device, the preprocessing or the shapes.
    """
    report = make_report(plan, run_processes(plan))
    if report.executed_together < plan.batch_size:
        logger.warning(
            "%s: executes at most %d together; a batch of %d runs in parts",
            plan.prefix, report.executed_together, plan.batch_size,
        )  # fmt: skip
    return report
