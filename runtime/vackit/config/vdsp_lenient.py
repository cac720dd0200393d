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
        _drop_keys(document, data, definitions[generation]["properties"], ())
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


def _add_usual(document: Document, op_type: str, config: dict[str, Any]) -> None:
    nv12 = "NV12" in op_type
    usual = {"ResizeType": "BILINEAR_CV", "ColorCvtCode": "YUV2RGB_NV12" if nv12 else "NO_CHANGE"}
    for key, words in _USUAL.items():
        if key not in config and any(word in op_type for word in words):
            document.note(f"not given: taken as {usual[key]}", ("OpConfig", key))
            config[key] = usual[key]
