# SPDX-License-Identifier: Apache-2.0
"""What the files of a results folder are called, and their format version.

A finished folder holds ``output_000000.npz``, ``output_000001.npz``, ... and
``vackit_results.json``, which joins each of them to its input. While a run is under way,
``vackit_results.partial.json`` stands in the manifest's place. Both names sort behind the
outputs, for readers that pair a sorted listing with the datalist.
"""

import json
import re
from pathlib import Path
from typing import Any

from vackit.errors import DataError

FORMAT_VERSION = 1
MANIFEST_NAME = "vackit_results.json"
PARTIAL_NAME = "vackit_results.partial.json"
INPUT_NAME = "input_name"  # the array of each output npz that names its input

_OUTPUT = re.compile(r"output_([0-9]+)\.npz\Z")


def output_name(index: int) -> str:
    """Return the file name of the output at ``index``, from 0."""
    return f"output_{index:06d}.npz"


def list_outputs(folder: Path) -> dict[int, Path]:
    """Return the output files of a folder by their number.

    Raises:
        DataError: Two names mean the same number (``output_1.npz``, ``output_000001.npz``).
    """
    outputs: dict[int, Path] = {}
    for path in sorted(folder.iterdir()):
        if not (found := _OUTPUT.match(path.name)):
            continue
        index = int(found[1])
        if index in outputs:
            raise DataError(
                f"{outputs[index].name} and {path.name} are the same output", where=folder
            )
        outputs[index] = path
    return dict(sorted(outputs.items()))


def read_manifest(path: Path) -> dict[str, Any]:
    """Read a manifest, finished or partial, and check its version.

    Raises:
        DataError: It cannot be read, is damaged or of another format version.
    """
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise DataError(f"cannot be read: {reason}", where=path) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"not JSON: {error}", where=path) from error
    if not isinstance(data, dict) or "format_version" not in data:
        raise DataError("not a manifest of results: no format_version", where=path)
    if data["format_version"] != FORMAT_VERSION:
        raise DataError(
            f"format version {data['format_version']!r} is not known; this vackit reads "
            f"version {FORMAT_VERSION}",
            where=path,
        )
    return data


def manifest_entries(manifest: dict[str, Any], path: Path) -> list[dict[str, Any]]:
    """Return the entries of a finished manifest, checked.

    Each has ``index``, its position, and ``input``, a text; ``path`` names the manifest.

    Raises:
        DataError: They are missing or of another form.
    """
    entries = manifest.get("entries")
    if not isinstance(entries, list) or not entries:
        raise DataError("the manifest is damaged: it has no entries", where=path)
    for index, entry in enumerate(entries):
        if (
            not isinstance(entry, dict)
            or entry.get("index") != index
            or not isinstance(entry.get("input"), str)
        ):
            raise DataError(f"the manifest is damaged at entry {index}", where=path)
    return entries
