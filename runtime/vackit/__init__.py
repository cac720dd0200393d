# SPDX-License-Identifier: Apache-2.0
"""Deploy image classifiers on AI accelerators, or on the emulator where there is none."""

import importlib
from typing import Any

from vackit._version import __version__

# public name -> module; imported on first use (PEP 562), so that `import vackit` is cheap
_PUBLIC = {
    "Artifact": "vackit.artifact.store",
    "FusionOperator": "vackit.vdsp.fusion",
    "Graph": "vackit.stream.graph",
    "Stream": "vackit.stream.stream",
    "VackitError": "vackit.errors",
    "build": "vackit.compiler.pipeline",
    "get_device": "vackit.devices.registry",
    "load_build_config": "vackit.config.build",
    "load_model_info": "vackit.config.model_info",
    "load_vdsp_params": "vackit.config.vdsp",
    "make_graph": "vackit.stream.graph",
    "open_artifact": "vackit.artifact.store",
    "read_results": "vackit.results.reader",
}

__all__ = [
    "Artifact",
    "FusionOperator",
    "Graph",
    "Stream",
    "VackitError",
    "__version__",
    "build",
    "get_device",
    "load_build_config",
    "load_model_info",
    "load_vdsp_params",
    "make_graph",
    "open_artifact",
    "read_results",
]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'vackit' has no attribute {name!r}")
    return getattr(importlib.import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
