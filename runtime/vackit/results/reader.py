# SPDX-License-Identifier: Apache-2.0
"""Read the results of a run, each joined to its input by name or by number.

Reads ``vackit_results.json`` and ``output_NNNNNN.npz``. Results without a manifest (a
card's own ``vamp`` writes none) join line N of the datalist by their number.
"""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vackit.data.datalist import DatalistEntry, read_datalist
from vackit.data.names import join_names
from vackit.data.npz import numbered_arrays, read_npz
from vackit.errors import DataError, EvaluationError
from vackit.results.layout import (
    INPUT_NAME,
    MANIFEST_NAME,
    PARTIAL_NAME,
    list_outputs,
    manifest_entries,
    read_manifest,
)

_log = logging.getLogger(__name__)

# How many names an error lists before it only counts
_NAMED = 10


@dataclass(frozen=True)
class ResultEntry:
    """One output and the input that it belongs to.

    Attributes:
        index: Its number.
        input: The input's path: as the datalist gives it, else as the manifest does.
        path: The npz with the outputs.
        recorded: The input as the run recorded it; empty without a manifest.
    """

    index: int
    input: str
    path: Path
    recorded: str = ""

    def load(self) -> list[NDArray[Any]]:
        """Read ``output_0``, ``output_1``, ...; finite numbers, a leading axis of 1.

        Raises:
            DataError: The file is missing, damaged, holds NaN, or names another input.
        """
        arrays = read_npz(self.path)
        name = str(arrays.get(INPUT_NAME, ""))
        expected = self.recorded or self.input
        if name and name != expected:
            raise DataError(f"belongs to '{name}', not to '{expected}'", where=self.path)
        return numbered_arrays(arrays, "output", self.path)


@dataclass(frozen=True)
class Results:
    """The results of one run.

    Attributes:
        folder: Where they lie.
        entries: In the order of the datalist, or of the manifest without one.
        run: Provenance as the run recorded it; empty without a manifest.
    """

    folder: Path
    entries: tuple[ResultEntry, ...]
    run: dict[str, Any]

    @property
    def emulated(self) -> bool | None:
        """Tell whether an emulator made them; ``None`` where that is not recorded."""
        found = [self.run, *(part for part in self.run.values() if isinstance(part, dict))]
        values = [part["emulated"] for part in found if "emulated" in part]
        return bool(values[0]) if values else None


def read_results(folder: Path, datalist: Path | None = None) -> Results:
    """Read what a run left in ``folder``; the outputs themselves are loaded on demand.

    Args:
        folder: What ``--path_output`` named.
        datalist: Names the inputs and their order; needed where there is no manifest.

    Raises:
        DataError: The folder or its manifest is missing, damaged or of an unfinished run.
        EvaluationError: Outputs are missing or left over, or the datalist names other
            inputs.
    """
    if not folder.is_dir():
        fact = "is not a folder" if folder.exists() else "no such folder"
        raise DataError(f"{fact}; expected the results of vamp", where=folder)
    lines = None if datalist is None else read_datalist(datalist)
    if (folder / MANIFEST_NAME).exists():
        return _with_manifest(folder, lines, datalist)
    if (folder / PARTIAL_NAME).exists():
        raise DataError(
            f"the run is not finished: {len(list_outputs(folder))} outputs so far",
            where=folder,
            hint="run the same vamp command again; it goes on where it stopped",
        )
    return _by_number(folder, lines, datalist)


def _with_manifest(
    folder: Path, lines: list[DatalistEntry] | None, datalist: Path | None
) -> Results:
    path = folder / MANIFEST_NAME
    manifest = read_manifest(path)
    names = [entry["input"] for entry in manifest_entries(manifest, path)]
    run = manifest.get("run")
    if not isinstance(run, dict):
        raise DataError("the manifest is damaged: it has no 'run'", where=path)
    outputs = list_outputs(folder)
    _check_numbers(folder, set(range(len(names))), outputs, "the manifest")
    entries = {
        name: ResultEntry(index, name, outputs[index], name) for index, name in enumerate(names)
    }
    if len(entries) != len(names):
        raise DataError("the manifest names an input twice", where=path)
    if lines is None:
        return Results(folder, tuple(entries.values()), run)
    joined = join_names(
        [str(line.path) for line in lines],
        list(entries),
        where=str(datalist),
        what="result",
        pool_name=str(path),
    )
    if len(joined) != len(entries):
        extra = sorted(set(entries) - set(joined))
        raise EvaluationError(
            f"{len(extra)} results are of inputs that the datalist does not name: {listed(extra)}",
            where=datalist,
        )
    ordered = [
        ResultEntry(entries[name].index, str(line.path), entries[name].path, name)
        for line, name in zip(lines, joined, strict=True)
    ]
    return Results(folder, tuple(ordered), run)


def _by_number(folder: Path, lines: list[DatalistEntry] | None, datalist: Path | None) -> Results:
    outputs = list_outputs(folder)
    if not outputs:
        raise DataError("holds no results (output_NNNNNN.npz)", where=folder)
    if lines is None:
        raise EvaluationError(
            f"has no {MANIFEST_NAME}, so nothing says which input an output belongs to",
            where=folder,
            hint="add --datalist with the list that vamp was given",
        )
    _check_numbers(folder, set(range(len(lines))), outputs, f"the datalist {datalist}")
    _log.warning(
        "%s: no %s; output N is taken for line N of the datalist, counted from 0",
        folder,
        MANIFEST_NAME,
    )
    entries = [ResultEntry(i, str(line.path), outputs[i]) for i, line in enumerate(lines)]
    return Results(folder, tuple(entries), {})


def _check_numbers(folder: Path, expected: set[int], outputs: dict[int, Path], by: str) -> None:
    missing = [f"output_{index:06d}.npz" for index in sorted(expected - set(outputs))]
    extra = [outputs[index].name for index in sorted(set(outputs) - expected)]
    if missing:
        raise EvaluationError(
            f"{len(outputs)} outputs for {len(expected)} inputs of {by}; "
            f"missing: {listed(missing)}",
            where=folder,
        )
    if extra:
        raise EvaluationError(
            f"{len(outputs)} outputs for {len(expected)} inputs of {by}; "
            f"left over: {listed(extra)}",
            where=folder,
        )


def listed(names: list[str]) -> str:
    """Return names for an error message, the first ten and the number of the others."""
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + rest
