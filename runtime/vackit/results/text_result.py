# SPDX-License-Identifier: Apache-2.0
"""A text result and its sidecar ``FILE.json``, which says what made it."""

import json
import logging
from pathlib import Path
from typing import Any

from vackit.errors import DataError
from vackit.files import json_bytes, sha256_bytes, sha256_file, write_atomic, write_json

_log = logging.getLogger(__name__)


class TextResult:
    """One text file of results, written whole or not at all.

    Args:
        path: The text file.
        run: Its provenance, JSON-ready; with equal provenance it would be written again
            as it is.
    """

    def __init__(self, path: Path, run: dict[str, Any]) -> None:
        self.path = path
        self.sidecar = sidecar_path(path)
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


def sidecar_path(path: Path) -> Path:
    """Return the JSON file that carries the provenance of the text at ``path``."""
    return path.with_name(f"{path.name}.json")


def read_sidecar(path: Path) -> dict[str, Any] | None:
    """Return the provenance of the text at ``path``, ``None`` where it has no sidecar.

    A sidecar whose ``result_sha256`` is another text's is not believed; a warning says so.

    Raises:
        DataError: The sidecar is there and is no JSON object.
    """
    sidecar = sidecar_path(path)
    if not sidecar.exists():
        return None
    try:
        data = json.loads(sidecar.read_bytes())
    except (ValueError, OSError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", where=sidecar) from error
    if not isinstance(data, dict):
        raise DataError("not the provenance of results: no JSON object", where=sidecar)
    if data.get("result_sha256") not in (None, sha256_file(path)):
        _log.warning("%s: is not of this text (its sha256 differs); it is left out", sidecar)
        return None
    return data
