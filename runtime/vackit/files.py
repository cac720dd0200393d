# SPDX-License-Identifier: Apache-2.0
"""Write files so that a reader sees the old content or the new, never half of one."""

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO


def sha256_bytes(data: bytes) -> str:
    """Return the hex sha256 of ``data``."""
    return hashlib.sha256(data).hexdigest()


def sha256_file(path: Path) -> str:
    """Return the hex sha256 of a file's content, read in chunks."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def json_bytes(data: Any) -> bytes:
    """Return ``data`` as the JSON text that this project writes: UTF-8, indented, no NaN."""
    text = json.dumps(data, indent=2, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def write_atomic(path: Path, data: bytes | memoryview, *, sync: bool = True) -> None:
    """Write ``data`` to ``path``, as `atomic_file` does."""
    with atomic_file(path, sync=sync) as handle:
        handle.write(data)


@contextlib.contextmanager
def atomic_file(path: Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Yield a file to write that takes ``path``'s place once it is whole.

    It has a temporary name beside ``path`` until then; folders on the way are made. Raises
    `OSError` as the system reports it; the old file, if any, is then untouched. Without
    ``sync`` the data may not have reached the disk at the end: for one file of many that
    can be made again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as handle:
            yield handle
            if sync:
                handle.flush()
                os.fsync(handle.fileno())
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        _name(error, path)
        raise


def write_json(path: Path, data: Any) -> None:
    """Write ``data`` as JSON, atomically."""
    write_atomic(path, json_bytes(data))


@contextlib.contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """Yield a fresh folder on the same file system as ``beside``; removed at the end."""
    beside.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=beside, prefix=".vackit-"))
    try:
        yield folder
    except OSError as error:
        _name(error, beside)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _name(error: BaseException, path: Path) -> None:
    """Let an error that names no file (a full disk) name what was written."""
    if isinstance(error, OSError) and error.filename is None:
        error.filename = str(path)
