# SPDX-License-Identifier: Apache-2.0
"""The parameters of detection post-processing, ``graph.extra_ops.params``, checked."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vackit.errors import ModelError

# The published programs read 300 rows (retinaface's reshape to (300, 4), yolov8_seg's
# max_detect_num)
MAX_DETECTIONS = 300
# what every YOLO of three levels has; published files of yolox leave it out
STRIDES = (8, 16, 32)
_KEY = "graph.extra_ops.params"


@dataclass(frozen=True)
class NmsParams:
    """What the build YAML says of a detection head.

    Attributes:
        num_classes: Of the model, without background.
        nms_threshold: A box goes where its IoU with a better one of its class exceeds this.
        confidence_threshold: Boxes whose score does not exceed this go.
        anchor: Anchor sizes in pixels of the model's input, level by level in the order of
            ``strides``: (width, height) pairs; for retinaface the sides of squares.
        strides: Of the levels, in pixels.
        seg_enable: The model also makes mask coefficients and prototypes.
        scale_x_y: yolov4 only, one a level: darknet's stretch of the center offset.
        max_detections: Rows of every output.
    """

    num_classes: int
    nms_threshold: float
    confidence_threshold: float
    anchor: tuple[float, ...] = ()
    strides: tuple[int, ...] = STRIDES
    seg_enable: bool = False
    scale_x_y: tuple[float, ...] = ()
    max_detections: int = MAX_DETECTIONS

    def level_anchors(self, numbers: int) -> list[tuple[float, ...]]:
        """Return the anchors' numbers of each level, ``numbers`` an anchor.

        Raises:
            ModelError: They do not divide among the strides.
        """
        count, rest = divmod(len(self.anchor), numbers * len(self.strides))
        if rest or not count:
            raise ModelError(
                f"{_KEY}.anchor holds {len(self.anchor)} numbers; {len(self.strides)} strides "
                f"({', '.join(map(str, self.strides))}) need a multiple of "
                f"{numbers * len(self.strides)}"
            )
        step = count * numbers
        return [self.anchor[i : i + step] for i in range(0, len(self.anchor), step)]


def read_params(given: Mapping[str, Any], where: object) -> NmsParams:
    """Check what a build YAML gives.

    Args:
        given: ``graph.extra_ops.params``.
        where: What to name in errors: the build YAML.

    Raises:
        ModelError: A parameter is missing, not known, or not of its kind.
    """
    known = list(NmsParams.__dataclass_fields__)
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            raise ModelError(
                f"{_KEY} has no '{name}'; it takes {', '.join(known)}",
                where=where,
                hint=f"did you mean '{near[0]}'?" if near else "",
            )
    for name in ("num_classes", "nms_threshold", "confidence_threshold"):
        if name not in given:
            raise ModelError(f"{_KEY}.{name} is missing", where=where)
    return NmsParams(**{name: _checked(name, value, where) for name, value in given.items()})


def _checked(name: str, value: Any, where: object) -> Any:
    fits, wanted = _KINDS[name]
    if isinstance(value, list):
        if value and all(fits(entry) for entry in value) and name in _LISTS:
            return tuple(value)
    elif name not in _LISTS and fits(value):
        return value
    raise ModelError(f"{_KEY}.{name} is {value!r}, expected {wanted}", where=where)


def _is_count(value: Any) -> bool:
    return type(value) is int and 1 <= value <= 65536


def _is_share(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value <= 1


def _is_size(value: Any) -> bool:
    return type(value) in (int, float) and 0 < value < float("inf")


_LISTS = ("anchor", "strides", "scale_x_y")
_KINDS = {
    "num_classes": (_is_count, "a whole number from 1"),
    "nms_threshold": (_is_share, "a number of 0 to 1"),
    "confidence_threshold": (_is_share, "a number of 0 to 1"),
    "anchor": (_is_size, "a flat list of sizes in pixels"),
    "strides": (_is_count, "a list of whole numbers from 1"),
    "seg_enable": (lambda value: type(value) is bool, "true or false"),
    "scale_x_y": (_is_size, "a list of numbers above 0, one a stride"),
    "max_detections": (_is_count, "a whole number from 1"),
}
