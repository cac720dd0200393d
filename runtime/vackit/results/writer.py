# SPDX-License-Identifier: Apache-2.0
"""Write the results of a run; an interrupted run goes on where it stopped.

Writes ``output_NNNNNN.npz`` and, last, ``vackit_results.json``.
"""

import json
import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vackit.data.npz import npz_fingerprint, numbered_arrays, read_npz, write_npz
from vackit.errors import DataError
from vackit.files import json_bytes, write_json
from vackit.results.layout import (
    FORMAT_VERSION,
    INPUT_NAME,
    MANIFEST_NAME,
    PARTIAL_NAME,
    list_outputs,
    manifest_entries,
    output_name,
    read_manifest,
)

_log = logging.getLogger(__name__)

Specs = list[dict[str, Any]]


class ResultsWriter:
    """One run's results folder.

    The run is known by its provenance and by its inputs' names and content. A folder that
    holds part of the same run is gone on with; all of it: `is_complete`; anything else is
    refused unless ``force``, which removes the old outputs and nothing else.

    `write` may be called from several threads, for different indices.

    Attributes:
        pending: Indices of the inputs whose outputs are not there yet.
    """

    def __init__(
        self,
        folder: Path,
        inputs: Sequence[Path],
        run: dict[str, Any],
        *,
        force: bool = False,
        sizes_vary: bool = False,
    ) -> None:
        """Open ``folder`` for the results of ``run`` on ``inputs``.

        Args:
            folder: Made where missing.
            inputs: The npz files, in the datalist's order; they must exist.
            run: Provenance, JSON-ready: device, artifact, vdsp params, batch size, ...
            force: Start anew, whatever results the folder holds.
            sizes_vary: The outputs' sizes follow those of the inputs; their number, dtypes
                and ranks do not.

        Raises:
            DataError: An input is missing, no npz or named twice, or the folder holds
                other results.
        """
        self.folder = folder
        self._names = [str(path.absolute()) for path in inputs]
        if len(set(self._names)) < len(self._names):
            twice = next(name for name in self._names if self._names.count(name) > 1)
            raise DataError(f"input '{twice}' is named twice", where=folder)
        plan = {
            "format_version": FORMAT_VERSION,
            "run": run,
            "inputs": [
                {"input": name, "input_arrays": npz_fingerprint(path)}
                for name, path in zip(self._names, inputs, strict=True)
            ],
        }
        # as JSON gives it back, to be compared with what is read
        self._plan: dict[str, Any] = json.loads(json_bytes(plan))
        self._done: dict[int, str] = {}
        self._sizes_vary = sizes_vary
        self._lock = threading.Lock()
        self._specs: Specs | None = None
        self.is_complete = False
        if folder.exists() and not folder.is_dir():
            raise DataError("is a file; results need a folder", where=folder)
        folder.mkdir(parents=True, exist_ok=True)
        self._open(force)
        self.pending = [i for i in range(len(self._names)) if i not in self._done]

    def write(self, index: int, outputs: Sequence[NDArray[Any]]) -> None:
        """Write the outputs of input ``index`` as they are, ``output_0`` first.

        Args:
            index: Position of the input in the datalist.
            outputs: float16, each with a leading axis of 1.

        Raises:
            DataError: The outputs' names, dtypes or shapes differ from the other inputs'.
        """
        arrays = {f"output_{number}": array for number, array in enumerate(outputs)}
        self._check_specs(index, _specs_of(arrays))
        path = self.folder / output_name(index)
        write_npz(path, {**arrays, INPUT_NAME: np.array(self._names[index])})
        self._done[index] = npz_fingerprint(path)

    def finish(self) -> None:
        """Write the manifest; from then on the results are complete.

        Raises:
            DataError: Outputs are still missing.
        """
        missing = [i for i in range(len(self._names)) if i not in self._done]
        if missing:
            raise DataError(
                f"{len(missing)} of {len(self._names)} outputs are missing, the first for "
                f"'{self._names[missing[0]]}'",
                where=self.folder,
            )
        if not self.is_complete:
            write_json(self.folder / MANIFEST_NAME, self._manifest())
        (self.folder / PARTIAL_NAME).unlink(missing_ok=True)
        self.is_complete = True

    def _manifest(self) -> dict[str, Any]:
        entries = [
            {"index": i, "output": output_name(i), **given, "output_arrays": self._done[i]}
            for i, given in enumerate(self._plan["inputs"])
        ]
        return {
            "format_version": FORMAT_VERSION,
            "run": self._plan["run"],
            "num_outputs": len(entries),
            "outputs": self._specs or [],
            "entries": entries,
        }

    def _open(self, force: bool) -> None:
        """Find out what of this run is there already; clear away what is not of it."""
        partial = self.folder / PARTIAL_NAME
        manifest = self.folder / MANIFEST_NAME
        if not force and self._is_same_run(manifest):
            self._take_complete(manifest)
        elif not force and self._is_same_run(partial):
            self._take_partial()
        elif manifest.exists() or partial.exists() or list_outputs(self.folder):
            self._clear(force)
        if not self.is_complete:
            write_json(partial, self._plan)
            manifest.unlink(missing_ok=True)

    def _is_same_run(self, path: Path) -> bool:
        try:
            data = read_manifest(path)
            inputs = data.get("inputs")
            if inputs is None:
                inputs = [
                    {key: entry.get(key) for key in ("input", "input_arrays")}
                    for entry in manifest_entries(data, path)
                ]
        except DataError:
            return False  # absent, damaged or of another version: not this run
        return bool(data.get("run") == self._plan["run"] and inputs == self._plan["inputs"])

    def _take_complete(self, path: Path) -> None:
        manifest = read_manifest(path)
        self._specs = manifest.get("outputs")
        for entry in manifest_entries(manifest, path):
            index, recorded = entry["index"], entry.get("output_arrays")
            output = self.folder / output_name(index)
            try:
                if npz_fingerprint(output) == recorded:
                    self._done[index] = recorded
                    continue
                _log.warning("%s: changed since it was written; it is made again", output)
            except DataError as error:
                _log.warning("%s; it is made again", error)
        self.is_complete = len(self._done) == len(self._names)

    def _take_partial(self) -> None:
        for index, path in list_outputs(self.folder).items():
            if index >= len(self._names):
                continue
            try:
                arrays = read_npz(path)
                if str(arrays.pop(INPUT_NAME, "")) != self._names[index]:
                    continue
                numbered_arrays(arrays, "output", path)
                self._check_specs(index, _specs_of(arrays))
            except DataError as error:
                _log.warning("%s; it is made again", error)
                continue
            self._done[index] = npz_fingerprint(path)
        _log.info("%s: %d of %d outputs are there", self.folder, len(self._done), len(self._names))

    def _clear(self, force: bool) -> None:
        if not force:
            raise DataError(
                "holds results of another run (other model, settings or inputs)",
                where=self.folder,
                hint="choose another folder, or add --force to replace them",
            )
        for name in (MANIFEST_NAME, PARTIAL_NAME):
            (self.folder / name).unlink(missing_ok=True)
        for path in list_outputs(self.folder).values():
            path.unlink()

    def _check_specs(self, index: int, specs: Specs) -> None:
        with self._lock:
            merged = specs if self._specs is None else self._merged(self._specs, specs)
            if merged:
                self._specs = merged
                return
            raise DataError(
                f"output {index} is {_describe(specs)}, the others are "
                f"{_describe(self._specs or [])}",
                where=self.folder,
            )

    def _merged(self, before: Specs, specs: Specs) -> Specs:
        """Return specs that hold for both, varying sizes None; empty where there are none."""
        if specs == before or not self._sizes_vary:
            return before if specs == before else []
        fits = len(specs) == len(before) and all(
            one["dtype"] == other["dtype"] and len(one["shape"]) == len(other["shape"])
            for one, other in zip(specs, before, strict=True)
        )
        if not fits:
            return []
        shapes = [
            [size if size == old else None for size, old in zip(*pair, strict=True)]
            for pair in zip((s["shape"] for s in specs), (b["shape"] for b in before), strict=True)
        ]
        return [{**spec, "shape": shape} for spec, shape in zip(specs, shapes, strict=True)]


def _specs_of(arrays: dict[str, NDArray[Any]]) -> Specs:
    return [
        {"name": name, "dtype": array.dtype.name, "shape": list(array.shape)}
        for name, array in arrays.items()
    ]


def _describe(specs: Specs) -> str:
    return ", ".join(f"{spec['name']} {spec['dtype']} {tuple(spec['shape'])}" for spec in specs)
