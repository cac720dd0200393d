# SPDX-License-Identifier: Apache-2.0
"""Models by the name under which a program registered them."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vackit.compat.vaststreamx.context import set_device
from vackit.compat.vaststreamx.model import Model
from vackit.config.model_info import model_info_of
from vackit.errors import StreamError


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
    """Return the model's name and its prefix; relative paths start from the current folder.

    Raises:
        ConfigError: The dict is no model_info.
    """
    info = model_info_of(model_info)
    return info.model_name, info.prefix


MODELS = Models()
"""Of all streams: programs ask for shapes through objects that know no stream."""
