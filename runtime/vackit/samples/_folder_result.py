# SPDX-License-Identifier: Apache-2.0
"""A folder of results, one file an input, and the JSON file that says what made them."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vackit.errors import DataError
from vackit.files import json_bytes, sha256_bytes, sha256_file, write_atomic, write_json

SIDECAR = "vackit_run.json"


class FolderResult:
    """One run's files, each written whole or not at all; a stopped run goes on.

    The sidecar is written first with the run alone, and again at the end with the sha256
    of every file.

    Args:
        folder: Made where missing.
        run: Provenance, JSON-ready.
        names: Of the files, one an input, relative to ``folder``.
        force: Replace what another run has written.

    Attributes:
        pending: Indices of the files that are not there yet.

    Raises:
        DataError: Two inputs would share a file, or another run's files are in the way.
    """

    def __init__(
        self, folder: Path, run: dict[str, Any], names: Sequence[Path], *, force: bool = False
    ) -> None:
        self.paths = [folder / name for name in names]
        self._sidecar = folder / SIDECAR
        self._run: dict[str, Any] = json.loads(json_bytes(run))
        _check_names(self.paths)
        before = self._read_sidecar()
        # without hashes the run was stopped: files are whole, for each is written atomically
        hashes = before.get("files", {})
        is_same = before.get("run") == self._run
        kept = [i for i, path in enumerate(self.paths) if is_same and path.is_file()]
        changed = [
            self.paths[i]
            for i in kept
            if hashes and hashes.get(names[i].as_posix()) != sha256_file(self.paths[i])
        ]
        foreign = [path for path in self.paths if path.exists()] if not is_same else []
        in_the_way = changed or foreign or ([self._sidecar] if before and not is_same else [])
        if in_the_way and not force:
            raise DataError(
                "holds results of another run (other model, settings or images)"
                if not changed
                else "has been changed since it was written",
                where=in_the_way[0],
                hint="choose another --save_dir, or add --force to replace them",
            )
        done = set(kept) if not changed else {i for i in kept if self.paths[i] not in changed}
        self.pending = [i for i in range(len(names)) if i not in done]
        if self.pending:
            write_json(self._sidecar, {"run": self._run})

    def write(self, index: int, data: bytes) -> None:
        """Write the file of input ``index``."""
        write_atomic(self.paths[index], data, sync=False)

    def finish(self) -> None:
        """Write the sidecar; from then on the results are complete."""
        folder = self._sidecar.parent
        files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in self.paths}
        write_json(self._sidecar, {"run": self._run, "files": files})

    def _read_sidecar(self) -> dict[str, Any]:
        try:
            data = json.loads(self._sidecar.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            return {"run": None}
        return data if isinstance(data, dict) else {"run": None}


def result_names(root: Path, inputs: Sequence[Path], suffix: str) -> list[Path]:
    """Return a result's name for each input: its path below ``root`` with another suffix."""
    folder = root if root.is_dir() else root.parent
    return [path.relative_to(folder).with_suffix(suffix) for path in inputs]


def _check_names(paths: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in paths:
        if path in seen:
            raise DataError(
                "two inputs share this result: they differ only in their suffix",
                where=path,
                hint="rename one of them",
            )
        seen.add(path)


def text_hash(lines: Sequence[str]) -> str:
    """Return a hash of lines of text, for the provenance."""
    return sha256_bytes("\n".join(lines).encode())
