# SPDX-License-Identifier: Apache-2.0
"""What became of each image, and the manifest that remembers it.

Reads and writes ``image2npz.json`` in the target folder. The manifest is provenance, and
saves a second run the decoding: an image of the same size and time of change as recorded,
whose npz is as it was left, needs no look inside.
"""

import dataclasses
import enum
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from image2npz.plan import Pair
from vackit._version import tool_versions
from vackit.files import write_json

MANIFEST_NAME = "image2npz.json"
FORMAT_VERSION = 1


class Status(enum.Enum):
    """What became of an image."""

    WRITTEN = "written"
    KEPT = "kept"  # the npz stood there already, with this content
    UNREADABLE = "unreadable"
    DIFFERS = "differs"  # the npz stood there with another content and was left alone


@dataclass(frozen=True)
class Record:
    """An image and the npz made of it; times are the file system's, in nanoseconds."""

    image: str
    image_size_bytes: int
    image_mtime_ns: int
    image_sha256: str
    height: int
    width: int
    npz: str
    npz_size_bytes: int
    npz_mtime_ns: int

    def is_current(self, dataset: Path, target: Path) -> bool:
        """Tell whether both files are as they were when the npz was made."""
        try:
            image, npz = (dataset / self.image).stat(), (target / self.npz).stat()
        except OSError:
            return False
        return (image.st_size, image.st_mtime_ns, npz.st_size, npz.st_mtime_ns) == (
            *(self.image_size_bytes, self.image_mtime_ns),
            *(self.npz_size_bytes, self.npz_mtime_ns),
        )


@dataclass(frozen=True)
class Outcome:
    """What became of one image; ``reason`` says why where there is no record."""

    pair: Pair
    status: Status
    reason: str = ""
    record: Record | None = None


def read_records(target: Path) -> dict[str, Record]:
    """Return the records of an earlier run by image; none where there was no such run.

    A manifest that cannot be read is no error: it is made again, at the cost of decoding.
    """
    fields = {field.name: field.type for field in dataclasses.fields(Record)}
    try:
        data = json.loads((target / MANIFEST_NAME).read_bytes())
        if data["format_version"] != FORMAT_VERSION:
            return {}
        records = [
            Record(**{name: kind(entry[name]) for name, kind in fields.items()})  # type: ignore[operator]
            for entry in data["images"]
        ]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return {}
    return {record.image: record for record in records}


def write_manifest(
    target: Path, dataset: Path, datalist: Path, outcomes: Iterable[Outcome], *, complete: bool
) -> None:
    """Write the manifest; ``complete`` is false where the run was stopped or failed."""
    outcomes = list(outcomes)
    data: dict[str, Any] = {
        "format_version": FORMAT_VERSION,
        "complete": complete,
        "dataset_path": str(dataset.absolute()),
        "datalist": str(datalist.absolute()),
        "tools": tool_versions("numpy", "opencv-python"),
        "images": [dataclasses.asdict(o.record) for o in outcomes if o.record is not None],
        "unreadable": [
            {"image": outcome.pair.image, "reason": outcome.reason}
            for outcome in outcomes
            if outcome.status is Status.UNREADABLE
        ],
    }
    write_json(target / MANIFEST_NAME, data)
