# SPDX-License-Identifier: Apache-2.0
"""Run a model over a datalist. Reads npz files, writes one output file a line.

What is there already from the same run is kept: an interrupted run goes on where it was.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from vackit.config.vdsp import VdspParams
from vackit.console import progress
from vackit.data.datalist import DatalistEntry, read_datalist
from vackit.data.npz import read_image_input
from vackit.data.tokens import read_model_inputs
from vackit.devices.base import Program
from vackit.devices.registry import get_device
from vackit.errors import DataError
from vackit.results.writer import ResultsWriter
from vackit.stream.graph import Graph, make_graph
from vackit.stream.images import arrange
from vackit.stream.outputs import as_float16
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DatalistPlan:
    """What to run over which inputs, and where the outputs go.

    ``workers`` is the number of instances, ``vdsp`` None where the npz files hold what the
    model takes. ``force`` replaces other results that are complete.
    """

    prefix: Path
    device: str
    datalist: Path
    output: Path
    vdsp: VdspParams | None = None
    workers: int = 1
    batch_size: int = 1
    force: bool = False


@dataclass(frozen=True)
class DatalistReport:
    """What a run over a datalist did: of ``num_inputs``, ``num_written`` were new."""

    output: Path
    num_inputs: int
    num_written: int
    run: dict[str, Any]

    def to_text(self) -> str:
        """Return one line: where the outputs are and how many were there already."""
        if not self.num_written:
            return f"{self.output}: all {self.num_inputs} outputs are there already, nothing to do"
        kept = self.num_inputs - self.num_written
        already = f", {kept} were there already" if kept else ""
        emulated = "; emulated" if self.run["emulated"] else ""
        wrote = f"wrote {self.num_written} of {self.num_inputs} outputs"
        return f"{self.output}: {wrote}{already}{emulated}"

    def to_json(self) -> dict[str, Any]:
        """Return the report, JSON-ready; ``emulated`` stands at the top."""
        return {
            "path_output": str(self.output),
            "num_inputs": self.num_inputs,
            "num_written": self.num_written,
            "emulated": self.run["emulated"],
            "run": self.run,
        }


def run_datalist(plan: DatalistPlan) -> DatalistReport:
    """Run every input that has no output yet.

    Raises:
        DataError: The datalist or one of its files cannot be read (named with its line).
        VackitError: The artifact, device or preprocessing; other results are in the way.
    """
    device = get_device(plan.device)
    artifact = device.open(plan.prefix)
    entries = read_datalist(plan.datalist)
    with device.load(artifact) as program:
        # a misfit of preprocessing and model shows before anything is written
        graph = make_graph(program, plan.vdsp).after(
            partial(_read, plan, program), partial(_place, plan)
        )
        run = provenance(program, plan.vdsp, plan.batch_size)
        try:
            writer = ResultsWriter(
                plan.output,
                [entry.path for entry in entries],
                run,
                force=plan.force,
                sizes_vary=_sizes_vary(program),
            )
        except DataError as error:
            places = {str(entry.path): _place(plan, entry) for entry in entries}
            error.where = places.get(error.where, error.where)
            raise
        _warn_of_splitting(plan, program)
        pending = list(writer.pending)
        _run(plan, graph, [entries[index] for index in pending], pending, writer)
        writer.finish()
    return DatalistReport(plan.output, len(entries), len(pending), run)


def _sizes_vary(program: Program) -> bool:
    # what a graph of fixed batch gives may follow the values: a detector's finds
    is_fixed = program.artifact.manifest.max_batch == 1
    return is_fixed or any(spec.is_dynamic for spec in program.outputs)


def _run(
    plan: DatalistPlan,
    graph: Graph,
    entries: Sequence[DatalistEntry],
    indices: Sequence[int],
    writer: ResultsWriter,
) -> None:
    # full batches make the grouping, and with it the last bit of every output, repeatable
    with Stream(
        graph, workers=plan.workers, max_batch=plan.batch_size, max_delay_us=None
    ) as stream:
        results = zip(indices, entries, stream.map(entries), strict=True)
        for index, entry, outputs in progress(results, "vamp", len(indices)):
            writer.write(index, [as_float16(output, str(entry.path)) for output in outputs])


def _read(plan: DatalistPlan, program: Program, entry: DatalistEntry) -> Any:
    if plan.vdsp is None:
        return read_model_inputs(entry.path, program.inputs)
    return arrange(read_image_input(entry.path), plan.vdsp.image_format)


def _place(plan: DatalistPlan, entry: DatalistEntry) -> str:
    return f"{plan.datalist}:{entry.line}: {entry.path}"


def _warn_of_splitting(plan: DatalistPlan, program: Program) -> None:
    if program.max_batch is not None and program.max_batch < plan.batch_size:
        logger.warning(
            "%s: executes at most %d together; a batch of %d runs in parts",
            plan.prefix, program.max_batch, plan.batch_size,
        )  # fmt: skip
