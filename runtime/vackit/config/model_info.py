# SPDX-License-Identifier: Apache-2.0
"""The model info: the triple of compiled files behind one prefix."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ModelInfo:
    """A model_info JSON, checked.

    ``prefix`` is the common path of the three files without their suffixes: what the
    commands call ``-m``.
    """

    model_name: str
    model_lib_path: Path
    model_graph_path: Path
    model_params_path: Path
    prefix: Path
    hw_config_file: Path | None = None
    source: Path | None = None
