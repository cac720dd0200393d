# SPDX-License-Identifier: Apache-2.0
"""A text result and its sidecar ``FILE.json``, which says what made it."""

import json
from pathlib import Path
from typing import Any

from vackit.errors import DataError
from vackit.files import json_bytes, sha256_bytes, write_atomic, write_json


class TextResult:
    """One text file of results, written whole or not at all.

    Args:
        path: The text file.
        run: Its provenance, JSON-ready; with equal provenance it would be written again
            as it is.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self.path = path
        self.sidecar = path.with_name(path.name + ".json")
        self._run = run

    @property
    def is_complete(self) -> bool:
        """Tell whether the file is there, unchanged, from the same run."""
        try:
            data = json.loads(self.sidecar.read_bytes())
            text = self.path.read_bytes()
        except (OSError, ValueError):
            return False
        return bool(json_bytes(data) == json_bytes(self._sidecar(text)))

    def check_free(self, *, force: bool) -> None:
        """Refuse to replace what another run wrote, unless ``force``.

        Raises:
            DataError: Something is there.
        """
        for path in (self.path, self.sidecar):
            if path.exists() and not force:
                raise DataError(
                    "holds results of another run (other model, settings or images)",
                    where=path,
                    hint="choose another --save_dir, or add --force to replace them",
                )

    def write(self, text: str) -> None:
        """Write the file, then its sidecar."""
        data = text.encode()
        self.sidecar.unlink(missing_ok=True)
        write_atomic(self.path, data)
        write_json(self.sidecar, self._sidecar(data))

    def _sidecar(self, text: bytes) -> dict[str, Any]:
        return {**self._run, "result": self.path.name, "result_sha256": sha256_bytes(text)}
