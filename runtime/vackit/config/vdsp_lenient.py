# SPDX-License-Identifier: Apache-2.0
"""Make vdsp params of a program acceptable where its meaning is clear all the same."""

from typing import Any

from vackit.config.document import Document, KeyPath
from vackit.config.schema import read_schema
from vackit.config.vdsp_flat import WORDS

# The numbers that single operators' files, and those of 2023, write for words
_NUMBERS: dict[str, dict[Any, str]] = {
    "IimageFormat": {0: "YUV_NV12", **WORDS["iimage_format"]},
    "ResizeType": WORDS["resize_type"],
    "ColorCvtCode": {0: "YUV2RGB_NV12", 1: "YUV2BGR_NV12", **WORDS["color_cvt_code"]},
    "ColorSpace": WORDS["color_space"],
    "NormaType": WORDS["norma_type"],
    "EdgePaddingType": {0: "CONSTANT"},
}
# what the words of 2023 begin with
_PREFIX = {"ColorCvtCode": "COLOR_", "ColorSpace": "COLOR_SPACE_",
           "EdgePaddingType": "EDGE_PADDING_TYPE_"}  # fmt: skip
_SIZE = {"$ref": "#/$defs/pixels"}
_USUAL = {"ResizeType": ("RESIZE", "LETTERBOX"), "ColorCvtCode": ("CVTCOLOR",)}


def make_acceptable(document: Document) -> None:
    """Drop keys that are not known, say what is left out, take numbers and words of 2023.

    All of it is noted.

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
            properties = definitions["config"]["properties"]
            _drop_keys(document, config, properties, ("OpConfig",))
            _drop_zeros(document, config, properties)
            _rename(document, config)
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


def _drop_zeros(document: Document, config: dict[str, Any], properties: Any) -> None:
    """Drop sizes and pitches of 0: on a card they mean the usual one, as where none is given."""
    for key in [key for key in config if properties[key] == _SIZE and config[key] == 0]:
        document.note("0: as if it were not given", ("OpConfig", key))
        del config[key]


def _rename(document: Document, config: dict[str, Any]) -> None:
    """Give enumerations their current words."""
    for key in [key for key in config if key in _NUMBERS]:
        value = config[key]
        word = value
        if isinstance(value, str):
            word = value.removeprefix(_PREFIX.get(key, "")) or value
        elif type(value) is int:  # a bool is none of them
            word = _NUMBERS[key].get(value, value)
        if word != value:
            document.note(f"taken as {word}", ("OpConfig", key))
            config[key] = word


def _add_usual(document: Document, op_type: str, config: dict[str, Any]) -> None:
    nv12 = "NV12" in op_type
    usual = {"ResizeType": "BILINEAR_CV", "ColorCvtCode": "YUV2RGB_NV12" if nv12 else "NO_CHANGE"}
    for key, words in _USUAL.items():
        if key not in config and any(word in op_type for word in words):
            document.note(f"not given: taken as {usual[key]}", ("OpConfig", key))
            config[key] = usual[key]
