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
# of the JSON that stands for a dynamic model, and the name that artifacts usually have
DYNAMIC_SUFFIX = "_module_info.json"
_USUAL_NAME = "mod"

# Key -> the suffixes it may have: ours, the card's
_TRIPLE = {
    "model_lib_path": (GRAPH_SUFFIX, ".so"),
    "model_graph_path": (MANIFEST_SUFFIX, ".json"),
    "model_params_path": (WEIGHTS_SUFFIX, ".params"),
}
_KEYS = {"model_name", *_TRIPLE, "hw_config_file", "model_dynamic_json"}


@dataclass(frozen=True)
class ModelInfo:
    """A model_info JSON, checked.

    ``prefix`` is what the commands call ``-m``: that of the artifact which
    ``model_dynamic_json`` stands for, where there is one, else the common path of the three
    files without their suffixes. The paths are absolute or relative to the current folder
    already; of the triple, a dynamic model may lack any.
    """

    model_name: str
    model_lib_path: Path | None
    model_graph_path: Path | None
    model_params_path: Path | None
    prefix: Path
    hw_config_file: Path | None = None
    source: Path | None = None
    model_dynamic_json: Path | None = None


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

    It has no file, so its relative paths start from the current folder. It may hold what it
    likes beside the known keys.

    Raises:
        ConfigError: As for `load_model_info`.
    """
    document = Document(Path("model_info"), dict(data), {})
    for key in [key for key in document.data if key not in _KEYS]:
        del document.data[key]
        document.note(f"'{key}' has no effect", ())
    info = _model_info(document, Path(), None)
    for note in document.notes:
        _log.warning("%s", note)
    return info


def dynamic_prefix(path: Path) -> Path:
    """Return the prefix of the artifact that a dynamic model's JSON stands for.

    That of its own name (``NAME_module_info.json``) where it is there, else ``mod`` beside it.
    """
    end = DYNAMIC_SUFFIX if path.name.endswith(DYNAMIC_SUFFIX) else path.suffix
    named = path.with_name(path.name.removesuffix(end) or path.name)
    return named if _is_artifact(named) else path.with_name(_USUAL_NAME)


def _is_artifact(prefix: Path) -> bool:
    return prefix.with_name(prefix.name + MANIFEST_SUFFIX).is_file()


def _model_info(document: Document, folder: Path, source: Path | None) -> ModelInfo:
    data = document.data
    dynamic = data.get("model_dynamic_json")
    if dynamic:  # what takes its place may be left empty
        for key in [key for key in _TRIPLE if data.get(key) in ("", None)]:
            data.pop(key, None)
    findings = schema_findings(document, "model_info") or _triple_faults(document)
    if findings:
        raise ConfigError(findings)
    paths = {key: folder / data[key] if key in data else None for key in _TRIPLE}
    hardware = data.get("hw_config_file")
    return ModelInfo(
        model_name=data["model_name"],
        **paths,
        prefix=_prefix(document, folder),
        hw_config_file=folder / hardware if hardware else None,
        source=source,
        model_dynamic_json=folder / dynamic if dynamic else None,
    )


def _prefix(document: Document, folder: Path) -> Path:
    data = document.data
    key = next((key for key in _TRIPLE if key in data), "")
    triple = folder / _without_suffix(key, data[key]) if key else None
    if not data.get("model_dynamic_json"):
        assert triple is not None  # the schema asks for it
        return triple
    dynamic = dynamic_prefix(folder / data["model_dynamic_json"])
    if triple is None or _is_artifact(dynamic):
        return dynamic
    message = "no artifact beside it; the triple is taken"
    document.note(message, ("model_dynamic_json",))
    return triple


def _triple_faults(document: Document) -> list[Finding]:
    findings = []
    first = ""
    for key, (ours, vendor) in _TRIPLE.items():
        if key not in document.data:
            continue
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
