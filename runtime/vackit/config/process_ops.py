# SPDX-License-Identifier: Apache-2.0
"""The process_ops of a build YAML, checked mappings to dataclasses."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from vackit.config.build_types import (
    CenterCrop,
    ChannelSplit,
    CustomFunc,
    CvtColor,
    DecodeImage,
    Normalize,
    Pad,
    ProcessOp,
    Resize,
    ToTensor,
)


def make_op(op: dict[str, Any], folder: Path) -> ProcessOp:
    """Return the dataclass of one entry that the schema has accepted.

    Args:
        op: One mapping of ``process_ops``.
        folder: What a relative ``module_path`` starts from.
    """
    values = {key: value for key, value in op.items() if key != "type"}
    if values.get("backend") == "opencv":
        values["backend"] = "cv2"
    match op["type"]:
        case "DecodeImage":
            return DecodeImage(**values)
        case "Resize":
            return Resize(**values | {"size": tuple(values["size"])})
        case "CenterCrop":
            return CenterCrop(**values | {"crop_size": tuple(values["crop_size"])})
        case "Pad":
            return Pad(**values)
        case "CvtColor":
            return CvtColor(**values)
        case "ChannelSplit":
            return ChannelSplit(**values)
        case "Normalize":
            return _normalize(values)
        case "ToTensor":
            return ToTensor()
    shape = values.get("img_shape", values.get("input_shape"))
    return CustomFunc(
        folder / values["module_path"], values["func_name"], tuple(shape) if shape else None
    )


def padded(ops: Sequence[ProcessOp], shapes: Iterable[Sequence[int]]) -> tuple[ProcessOp, ...]:
    """Return ``ops``, with a Pad added where only padding can make images fit the inputs.

    Published files resize the longer side to that of a square input and forget the Pad
    (official_nanodet.yaml); every other image would have another shape than the model takes.

    Args:
        ops: Of a build YAML, in order.
        shapes: Of the model's inputs, (N, C, H, W), as far as they are fixed.
    """
    sizes = [tuple(shape[2:]) for shape in shapes if len(shape) == 4]
    resizes = [op for op in ops if isinstance(op, Resize)]
    if len(resizes) != 1 or any(isinstance(op, Pad | CenterCrop) for op in ops):
        return tuple(ops)
    side = max(resizes[0].size)
    if resizes[0].adaptive_side != "long" or sizes != [(side, side)]:
        return tuple(ops)
    place = ops.index(resizes[0]) + 1
    return (*ops[:place], Pad(), *ops[place:])


def _normalize(values: dict[str, Any]) -> Normalize:
    """Apply the defaults: ``div255`` is true unless the file says false or null."""
    mean, std = values.get("mean"), values.get("std")
    return Normalize(
        div255=bool(values.get("div255", True)),
        mean=None if mean is None else tuple(float(value) for value in mean),
        std=None if std is None else tuple(float(value) for value in std),
    )
