# SPDX-License-Identifier: Apache-2.0
"""The vdsp params: the card's fused preprocessing, all three generations. Reads JSON."""

import logging
import struct
from pathlib import Path
from typing import Any

from vackit.config.document import Document, KeyPath
from vackit.config.load import load_json
from vackit.config.schema import schema_findings
from vackit.config.vdsp_flat import FlatParams
from vackit.config.vdsp_lenient import make_acceptable
from vackit.config.vdsp_types import NormaType, ResizeType, VdspParams
from vackit.errors import ConfigError, Finding

__all__ = [
    "NormaType",
    "ResizeType",
    "VdspParams",
    "as_float16",
    "check_vdsp_params",
    "load_vdsp_params",
    "to_json",
]

_log = logging.getLogger(__name__)

_SMALLEST_NORMAL = 2.0**-14
_EDGES = ("PaddingTop", "PaddingBottom", "PaddingLeft", "PaddingRight")


def as_float16(value: float) -> float:
    """Return ``value`` as IEEE half precision holds it, rounded half to even."""
    rounded: float = struct.unpack("<e", struct.pack("<e", value))[0]
    return rounded


def load_vdsp_params(path: str | Path, *, lenient: bool = False) -> VdspParams:
    """Read a vdsp_params JSON of any generation; what is odd but clear is logged.

    Args:
        path: The file.
        lenient: It belongs to a program that is not its reader's to change: keys that are
            not known have no effect, a resize method or color code that is left out is the
            usual one, and a crop may reach out (the program may give each image another).

    Raises:
        ConfigError: With everything that is wrong in the file.
    """
    params, notes = check_vdsp_params(Path(path), lenient=lenient)
    for note in notes:
        _log.warning("%s", note)
    return params


def check_vdsp_params(
    path: Path, *, lenient: bool = False
) -> tuple[VdspParams, tuple[Finding, ...]]:
    """Read a vdsp_params JSON as `load_vdsp_params` does; return what it would log."""
    document = load_json(path)
    if lenient:
        make_acceptable(document)
    if "vdsp_op_type" in document.data:
        return _read_flat(document), tuple(document.notes)
    return _read_current(document, lenient), tuple(document.notes)


def _read_flat(document: Document) -> VdspParams:
    integers = not isinstance(document.data["vdsp_op_type"], str) and "config" not in document.data
    generation = "generation_a" if integers else "generation_b"
    if findings := schema_findings(document, "vdsp_params", generation):
        raise ConfigError(findings)
    flat = FlatParams(document)
    params = flat.params()
    faults = flat.faults + [
        document.finding(fault, flat.path(f"std{channel}"))
        for channel, fault in zip("rgb", _std_faults(params), strict=True)
        if fault
    ]
    short, size = params.short_edge, params.output_size
    if short and size and max(size) > short:
        message = f"a crop of {max(size)} does not fit into {short}, the shorter side"
        faults.append(document.finding(message, flat.path("crop_size")))
    if faults:
        raise ConfigError(faults)
    _note_ranges(document, params, flat.path("meanr"))
    return params


def _read_current(document: Document, lenient: bool) -> VdspParams:
    findings = schema_findings(document, "vdsp_params", "generation_c")
    if findings:
        raise ConfigError(findings)
    config = document.data.get("OpConfig") or {}
    params = _current_params(document.data["OpType"], config, document.path)
    faults = [
        document.finding(fault, ("OpConfig", "Std", index))
        for index, fault in enumerate(_std_faults(params))
        if fault
    ]
    crop_faults = _crop_faults(document, params)
    if lenient:
        document.notes += crop_faults
    else:
        faults += crop_faults
    if faults:
        raise ConfigError(faults)
    _note_current(document, params, config)
    return params


def _current_params(op_type: str, config: dict[str, Any], source: Path) -> VdspParams:
    nv12 = "NV12" in op_type
    edges = [config.get(key) for key in _EDGES]
    halves = {
        name.lower(): tuple(as_float16(value) for value in config[name])
        for name in ("Mean", "Std")
        if name in config
    }
    return VdspParams(
        op_type=op_type,
        image_format=config.get("IimageFormat", "YUV_NV12" if nv12 else "RGB_PLANAR"),
        output_size=_pair(config, "OimageHeight", "OimageWidth"),
        resize_size=_pair(config, "ResizeHeight", "ResizeWidth"),
        short_edge=config.get("ShortEdge"),
        crop_xy=_pair(config, "CropX", "CropY"),
        crop_size=_pair(config, "CropHeight", "CropWidth"),
        resize_type=config.get("ResizeType", "BILINEAR_CV"),
        color_cvt_code=config.get("ColorCvtCode", "YUV2RGB_NV12" if nv12 else "NO_CHANGE"),
        color_space=config.get("ColorSpace", "BT601"),
        norma_type=config.get("NormaType", "EQUAL"),
        padding=tuple(config.get("Padding", (114, 114, 114))),
        edges=None if edges == [None] * 4 else tuple(edge or 0 for edge in edges),  # type: ignore[arg-type]
        generation="C",
        source=source,
        **halves,
    )


def _pair(config: dict[str, Any], first: str, second: str) -> tuple[int, int] | None:
    return (config[first], config[second]) if first in config else None


def _divides(params: VdspParams) -> bool:
    return "DIVSTD" in params.norma_type


def _std_faults(params: VdspParams) -> list[str]:
    """Return per channel what keeps its std from being divided by, or ``""``."""
    if not _divides(params):
        return ["", "", ""]
    fault = f"{params.norma_type} divides by it, expected a number above 0, got"
    return ["" if std > 0 else f"{fault} {std}" for std in params.std]


def _crop_faults(document: Document, params: VdspParams) -> list[Finding]:
    """Return a finding where the crop reaches beyond the resized image."""
    if not (params.crop_xy and params.resize_size and params.output_size):
        return []
    if "RESIZE_CVTCOLOR_CROP" not in params.op_type and "RESIZE_CROP" not in params.op_type:
        return []
    findings = []
    x, y = params.crop_xy
    pairs = zip(("CropY", "CropX"), (y, x), params.output_size, params.resize_size, strict=True)
    for key, offset, size, resized in pairs:
        if offset + size > resized:
            message = f"a crop of {size} at {offset} reaches beyond the resized {resized}"
            findings.append(document.finding(message, ("OpConfig", key)))
    return findings


def _note_current(document: Document, params: VdspParams, config: dict[str, Any]) -> None:
    _note_ranges(document, params, ("OpConfig", "Mean"))
    for key in ("Scale", "TensorType0"):
        if key in config:
            document.note("no effect on the emulator", ("OpConfig", key))
    if params.op_type.startswith("FUSION_OP_RGB") and "IimageFormat" not in config:
        document.note("no 'IimageFormat': taken as RGB_PLANAR", ("OpConfig",))
    resizes = "RESIZE_CVTCOLOR_CROP" in params.op_type or params.op_type.endswith("_EXT")
    if resizes and not (params.resize_size or params.short_edge):
        message = "no 'ResizeWidth': every image must come with a size of its own"
        document.note(message, ("OpConfig",))


def _note_ranges(document: Document, params: VdspParams, mean: KeyPath) -> None:
    """Note numbers that fit another range of values, and stds that float16 hardly holds."""
    if params.norma_type == "DIV255_MINUSMEAN_DIVSTD" and max(params.mean) > 2:
        message = f"a mean of {max(params.mean)} is of values 0..255, but they are divided by 255"
        document.note(message, mean, "set NormaType to MINUSMEAN_DIVSTD")
    if _divides(params) and min(params.std) < _SMALLEST_NORMAL:
        document.note(f"a std of {min(params.std)} makes the output infinite", mean)


def to_json(params: VdspParams) -> dict[str, Any]:
    """Return ``params`` as a JSON of the newest generation; `load_vdsp_params` reads it back.

    A ``short_edge`` is written as ``ShortEdge``, which published files do not have: their
    ``ResizeWidth`` and ``ResizeHeight`` would stretch the image.
    """
    if params.is_text:
        return {"OpType": params.op_type}
    config: dict[str, Any] = {"IimageFormat": params.image_format}
    sizes = {"Oimage": params.output_size, "Crop": params.crop_size, "Resize": params.resize_size}
    for stem, size in sizes.items():
        if size:
            config |= {f"{stem}Width": size[1], f"{stem}Height": size[0]}
    if params.crop_xy:
        config |= {"CropX": params.crop_xy[0], "CropY": params.crop_xy[1]}
    if params.short_edge:
        config["ShortEdge"] = params.short_edge
    if params.edges:
        config |= dict(zip(_EDGES, params.edges, strict=True))
    config |= {
        "ResizeType": params.resize_type,
        "ColorCvtCode": params.color_cvt_code,
        "ColorSpace": params.color_space,
        "NormaType": params.norma_type,
        "Mean": list(params.mean),
        "Std": list(params.std),
        "Padding": list(params.padding),
    }
    return {"OpType": params.op_type, "OpConfig": config}
