# SPDX-License-Identifier: Apache-2.0
"""The two 2023 generations of vdsp params: flat integers (A) and Property/Value lists (B).

Both say the same under the same names; B writes the enumerations as words. The integers
are those of published pairs of A and B files for the same model.
"""

import struct
from dataclasses import replace
from typing import Any

from vackit.config.document import Document, KeyPath
from vackit.config.vdsp_types import VdspParams
from vackit.errors import Finding

# A's integers -> the current words
_OP_TYPES = {
    300: "FUSION_OP_RGB_RESIZE_CVTCOLOR_CROP_NORM_TENSOR",
    301: "FUSION_OP_RGB_RESIZE_CVTCOLOR_NORM_TENSOR",
    303: "FUSION_OP_RGB_LETTERBOX_CVTCOLOR_NORM_TENSOR",
    20001: "BERT_EMBEDDING_OP",
}
WORDS: dict[str, dict[Any, str]] = {
    "iimage_format": {
        5000: "RGB_PLANAR",
        5001: "BGR_PLANAR",
        5002: "RGB888",
        5003: "BGR888",
        5004: "GRAY",
    },
    "resize_type": {1: "BILINEAR_CV"},
    "color_cvt_code": {
        2: "NO_CHANGE",
        3: "BGR2RGB",
        4: "BGR2RGB_INTERLEAVE2PLANAR",
        5: "RGB2BGR_INTERLEAVE2PLANAR",
        6: "BGR2BGR_INTERLEAVE2PLANAR",
        7: "RGB2RGB_INTERLEAVE2PLANAR",
        9: "BGR2GRAY_INTERLEAVE",
        10: "BGR2GRAY_PLANAR",
        11: "RGB2GRAY_INTERLEAVE",
        12: "RGB2GRAY_PLANAR",
    },
    "color_space": {0: "BT709", 1: "BT601"},
    "norma_type": {
        2: "EQUAL",
        3: "MINUSMEAN_DIVSTD",
        4: "DIV255_MINUSMEAN_DIVSTD",
        5: "DIV1275_MINUSONE",
        6: "DIV255",
    },
}
# In no published file: by the order in which the card's other operators number them
_INFERRED_NORMA_TYPES = (2, 5)
_NEEDED = ("norma_type", "resize_type", "color_cvt_code")


class FlatParams:
    """The values of an A or B document that its schema has accepted, by A's names."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.faults: list[Finding] = []
        self._paths: dict[str, KeyPath] = {}
        if isinstance(document.data.get("config"), list):
            self._index_properties()
        else:
            self._paths = {key: (key,) for key in document.data if key != "vdsp_op_type"}

    def _index_properties(self) -> None:
        for index, entry in enumerate(self.document.data["config"]):
            name = entry["Property"]
            if name in self._paths:
                message = f"the property {name!r} is given twice"
                path = ("config", index, "Property")
                self.faults.append(self.document.finding(message, path))
            self._paths[name] = ("config", index, "Value")

    def params(self) -> VdspParams:
        """Return the params; what is missing or not finite goes to ``faults``."""
        op_type = self._op_type()
        if op_type == "BERT_EMBEDDING_OP":
            return VdspParams(op_type, generation=self._generation, source=self.document.path)
        self._check_present(op_type)
        crop = self._get("crop_size")
        width, height = self._get("oimage_width"), self._get("oimage_height")
        params = VdspParams(
            op_type=op_type,
            image_format=self._word("iimage_format", "RGB_PLANAR"),
            output_size=(height, width) if width and height else None,
            short_edge=self._get("short_edge_threshold"),
            resize_type=self._word("resize_type", "BILINEAR_CV"),
            color_cvt_code=self._word("color_cvt_code", "NO_CHANGE"),
            color_space=self._word("color_space", "BT601"),
            norma_type=self._word("norma_type", "EQUAL"),
            mean=tuple(self._half(f"mean{channel}", 0) for channel in "rgb"),
            std=tuple(self._half(f"std{channel}", 0x3C00) for channel in "rgb"),
            padding=tuple(self._get(f"padding_value_{channel}", 114) for channel in "rgb"),
            generation=self._generation,
            source=self.document.path,
        )
        return replace(params, output_size=(crop, crop)) if crop else params

    def path(self, name: str) -> KeyPath:
        """Return where ``name`` is given; the operator's place where it is not."""
        return self._paths.get(name, ("vdsp_op_type",))

    @property
    def _generation(self) -> Any:
        return "B" if "config" in self.document.data else "A"

    def _op_type(self) -> str:
        written = self.document.data["vdsp_op_type"]
        if written == "RUN_BERT_EMBEDDING_MODEL":
            return "BERT_EMBEDDING_OP"
        words = str(written).replace("NORMALIZATION_TENSORIZATION_U8", "NORM_TENSOR")
        return _OP_TYPES.get(written, f"FUSION_OP_{words}")

    def _check_present(self, op_type: str) -> None:
        needed = list(_NEEDED)
        if "CROP" in op_type:
            needed += ["short_edge_threshold", "crop_size"]
        if "MINUSMEAN" in self._word("norma_type", ""):
            needed += [f"{stem}{channel}" for stem in ("mean", "std") for channel in "rgb"]
        for name in needed:
            if name not in self._paths:
                message = f"{name!r} is missing, this operator needs it"
                self.faults.append(self.document.finding(message, ("vdsp_op_type",)))
        if self._get("norma_type") in _INFERRED_NORMA_TYPES:
            message = f"taken as {self._word('norma_type', '')}: inferred, in no published file"
            self.document.note(message, self.path("norma_type"))

    def _get(self, name: str, default: Any = None) -> Any:
        return self.document.get(self._paths[name]) if name in self._paths else default

    def _word(self, name: str, default: str) -> Any:
        value = self._get(name, default)
        text = str(value).removeprefix("COLOR_SPACE_").removeprefix("COLOR_")
        return WORDS[name].get(value, text)

    def _half(self, name: str, default: int) -> float:
        bits = self._get(name, default)
        if bits & 0x7C00 == 0x7C00:
            message = f"{bits} holds the bits of no finite float16"
            self.faults.append(self.document.finding(message, self.path(name)))
        value: float = struct.unpack("<e", struct.pack("<H", bits))[0]
        return value
