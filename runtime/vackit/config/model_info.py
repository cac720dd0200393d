# SPDX-License-Identifier: Apache-2.0
"""The model info: the triple of compiled files behind one prefix. Reads and writes JSON."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vackit.config.document import Document
from vackit.config.load import load_json
from vackit.config.schema import schema_findings
from vackit.errors import ConfigError, Finding

_log = logging.getLogger(__name__)

# What stands behind an artifact's prefix, and what a card's compiler writes there
MANIFEST_SUFFIX = ".vackit.json"
GRAPH_SUFFIX = ".onnx"
WEIGHTS_SUFFIX = ".onnx.data"
MODEL_INFO_SUFFIX = ".model_info.json"
VENDOR_SUFFIXES = (".so", ".json", ".params")

# Key -> the suffixes it may have: ours, the card's
_TRIPLE = {
    "model_lib_path": (GRAPH_SUFFIX, ".so"),
    "model_graph_path": (MANIFEST_SUFFIX, ".json"),
    "model_params_path": (WEIGHTS_SUFFIX, ".params"),
}


@dataclass(frozen=True)
class ModelInfo:
    """A model_info JSON, checked.

    ``prefix`` is the common path of the three files without their suffixes: what the
    commands call ``-m``. The paths are absolute or relative to the current folder already.
    """

    model_name: str
    model_lib_path: Path
    model_graph_path: Path
    model_params_path: Path
    prefix: Path
    hw_config_file: Path | None = None
    source: Path | None = None


def load_model_info(path: Path) -> ModelInfo:
    """Read a model_info JSON; relative paths in it start from its own folder.

    Raises:
        ConfigError: With everything that is wrong in the file, a triple whose paths do not
            share one prefix included.
    """
    info, notes = check_model_info(path)
    for note in notes:
        _log.warning("%s", note)
    return info


def check_model_info(path: Path) -> tuple[ModelInfo, tuple[Finding, ...]]:
    """Read a model_info JSON as `load_model_info` does; return what it would log."""
    document = load_json(path)
    return _model_info(document, path.parent, path), tuple(document.notes)


def model_info_of(data: Mapping[str, Any]) -> ModelInfo:
    """Check a model_info that a program holds as a dict.

    It has no file, so its relative paths start from the current folder.

    Raises:
        ConfigError: As for `load_model_info`.
    """
    document = Document(Path("model_info"), dict(data), {})
    info = _model_info(document, Path(), None)
    for note in document.notes:
        _log.warning("%s", note)
    return info


def _model_info(document: Document, folder: Path, source: Path | None) -> ModelInfo:
    findings = schema_findings(document, "model_info") or _triple_faults(document)
    if findings:
        raise ConfigError(findings)
    data = document.data
    if data.get("model_dynamic_json"):
        message = "dynamic models do not run on the emulator; the triple beside it is taken"
        document.note(message, ("model_dynamic_json",))
    hardware = data.get("hw_config_file")
    return ModelInfo(
        model_name=data["model_name"],
        model_lib_path=folder / data["model_lib_path"],
        model_graph_path=folder / data["model_graph_path"],
        model_params_path=folder / data["model_params_path"],
        prefix=folder / _without_suffix("model_lib_path", data["model_lib_path"]),
        hw_config_file=folder / hardware if hardware else None,
        source=source,
    )


def _triple_faults(document: Document) -> list[Finding]:
    findings = []
    first = ""
    for key, (ours, vendor) in _TRIPLE.items():
        path: str = document.data[key]
        prefix = _without_suffix(key, path)
        if prefix == path:
            message = f"expected a file ending in {ours} or {vendor}, got {path!r}"
            findings.append(document.finding(message, (key,)))
        elif first and Path(prefix) != Path(first):
            message = f"{path!r} is of another model than model_lib_path: expected {first}{vendor}"
            findings.append(document.finding(message, (key,)))
        first = first or (prefix if prefix != path else "")
    return findings


def _without_suffix(key: str, path: str) -> str:
    """Return ``path`` without the suffix its key may have; unchanged where it has none."""
    for suffix in _TRIPLE[key]:
        if path.endswith(suffix) and Path(path).name != suffix:
            return path.removesuffix(suffix)
    return path


def model_info_json(prefix: Path, name: str) -> dict[str, Any]:
    """Return the model info to write beside an artifact: the triple of our own files.

    The paths hold no folder, so the artifact can be moved as a whole.
    """
    triple = {key: prefix.name + suffixes[0] for key, suffixes in _TRIPLE.items()}
    return {"model_name": name, **triple, "hw_config_file": None}
