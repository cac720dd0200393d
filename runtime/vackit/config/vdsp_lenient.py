# SPDX-License-Identifier: Apache-2.0
"""Make vdsp params of a program acceptable where its meaning is clear all the same."""

from typing import Any

from vackit.config.document import Document, KeyPath
from vackit.config.schema import read_schema

_USUAL = {"ResizeType": ("RESIZE", "LETTERBOX"), "ColorCvtCode": ("CVTCOLOR",)}


def make_acceptable(document: Document) -> None:
    """Drop keys that are not known, and say what is left out; all of it is noted.

    Raises nothing: what is still wrong then, the schema's check finds.
    """
    definitions = read_schema("vdsp_params")["$defs"]
    data = document.data
    if "vdsp_op_type" in data:
        generation = "generation_b" if "config" in data else "generation_a"
        properties = definitions[generation]["properties"]
        _drop_keys(document, data, properties, ())
        if generation == "generation_b":
            _drop_entries(document, data, properties["config"]["items"]["properties"])
    else:
        _drop_keys(document, data, definitions["generation_c"]["properties"], ())
        config = data.get("OpConfig")
        if isinstance(config, dict):
            _drop_keys(document, config, definitions["config"]["properties"], ("OpConfig",))
            _add_usual(document, str(data.get("OpType")), config)


def _drop_keys(document: Document, holder: dict[str, Any], known: Any, path: KeyPath) -> None:
    for key in [key for key in holder if key not in known]:
        document.note("no effect: not known", (*path, key))
        del holder[key]


def _drop_entries(document: Document, data: dict[str, Any], known: Any) -> None:
    """Drop the entries of a list of properties that are not known, and their element types."""
    names, entries = known["Property"]["enum"], data["config"]
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        return
    for index, entry in enumerate(entries):
        if entry.get("Property", names[0]) not in names:
            document.note("no effect: not known", ("config", index, "Property"))
        _drop_keys(document, entry, known, ("config", index))
        entry.pop("DType", None)  # the property's name tells it
    data["config"] = [entry for entry in entries if entry.get("Property", names[0]) in names]


def _add_usual(document: Document, op_type: str, config: dict[str, Any]) -> None:
    nv12 = "NV12" in op_type
    usual = {"ResizeType": "BILINEAR_CV", "ColorCvtCode": "YUV2RGB_NV12" if nv12 else "NO_CHANGE"}
    for key, words in _USUAL.items():
        if key not in config and any(word in op_type for word in words):
            document.note(f"not given: taken as {usual[key]}", ("OpConfig", key))
            config[key] = usual[key]
