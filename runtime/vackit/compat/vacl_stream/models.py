# SPDX-License-Identifier: Apache-2.0
"""Models by the name under which a program registered them."""

import contextlib
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from vackit.artifact.store import part_path
from vackit.compat.vaststreamx.context import set_device
from vackit.compat.vaststreamx.model import Model
from vackit.config.model_info import (
    MANIFEST_SUFFIX,
    VENDOR_SUFFIXES,
    ModelInfo,
    check_model_info,
    model_info_of,
)
from vackit.errors import StreamError, VackitError


class Models:
    """Loaded models; a name registered again means the later one. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._models: dict[str, Model] = {}

    def add(self, name: str, path: str | Path, device_id: int, batch_size: int) -> Model:
        """Load the artifact behind one of its files and remember it.

        Raises:
            ArtifactError: There is none.
            DeviceError: The device does not take it.
        """
        set_device(device_id)
        model = Model(path, batch_size)
        with self._lock:
            self._models[name] = model
        return model

    def get(self, name: str) -> Model:
        """Return the model of that name.

        Raises:
            StreamError: None is registered.
        """
        with self._lock:
            if name in self._models:
                return self._models[name]
            known = ", ".join(f"'{each}'" for each in sorted(self._models))
        raise StreamError(f"no model '{name}' is registered; registered: {known or 'none'}")


def triple_of(model_info: Mapping[str, Any]) -> tuple[str, Path]:
    """Return the model's name and its prefix.

    Relative paths start from the current folder. Where no model is there, they start from the
    folder of the model_info on the command line that holds them, as `vamc build` writes it: a
    program passes on what it has read from that file, and not where.

    Raises:
        ConfigError: The dict is no model_info.
    """
    info = model_info_of(model_info)
    if not _is_there(info.prefix):
        found = {one.prefix for one in _named_infos() if _means(one, info)}
        if len(found) == 1:
            return info.model_name, found.pop()
    return info.model_name, info.prefix


def _is_there(prefix: Path) -> bool:
    return any(part_path(prefix, end).is_file() for end in (MANIFEST_SUFFIX, *VENDOR_SUFFIXES))


def _named_infos() -> Iterator[ModelInfo]:
    """Yield the model_info files that the program's command line names."""
    for argument in sys.argv[1:]:
        path = Path(argument.rpartition("=")[2])
        with contextlib.suppress(VackitError):
            if path.suffix == ".json":
                yield check_model_info(path)[0]


def _means(file: ModelInfo, info: ModelInfo) -> bool:
    assert file.source is not None
    names = (file.model_name, info.model_name)
    return names[0] == names[1] and file.prefix == file.source.parent / info.prefix


MODELS = Models()
"""Of all streams: programs ask for shapes through objects that know no stream."""
