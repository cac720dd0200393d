# SPDX-License-Identifier: Apache-2.0
"""The build config as frozen dataclasses: one form for both generations of build YAML."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

Generation = Literal["2023", "current"]

# What `backend.quantize.calibrate_mode` may say
CALIBRATE_MODES = ("max", "percentile", "kl_divergence", "mse")


@dataclass(frozen=True)
class Frontend:
    """Where the model comes from.

    ``shape`` holds per input the shape as written, batch included; a first dimension of 1
    means "per sample". ``shape_ranges`` holds the inputs that are dynamic instead: their
    smallest and largest shape (the largest empty where the file leaves it open).
    """

    type: str
    checkpoint: Path | None
    shape: dict[str, tuple[int, ...]]
    dtype: str = "fp32"
    shape_ranges: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Quantize:
    """How int8 is made; `extras` holds the published keys that nothing here reads yet.

    ``skip_conv_layers``, ``skip_matmul_layers`` and ``exclude_layers`` (indices or names) and
    ``ops_usingfp`` (kinds of nodes) say what stays float. ``reduce_range`` keeps weights to 7
    bits, which processors without VNNI multiply exactly.
    """

    calibrate_mode: str = "max"
    quantize_per_channel: bool = True
    calibrate_range: float | None = None
    skip_conv_layers: tuple[int | str, ...] = ()
    exclude_layers: tuple[int | str, ...] = ()
    skip_matmul_layers: tuple[int | str, ...] = ()
    ops_usingfp: tuple[int | str, ...] = ()
    reduce_range: bool = False
    extras: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Backend:
    """What the model is compiled for.

    Of ``compile`` only ``output_layout`` has an effect without a card's compiler.
    """

    type: str
    dtype: Literal["fp32", "fp16", "int8"]
    quantize: Quantize
    compile: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class ExtraOps:
    """What is appended to the graph: ``softmax``, ``yolov5_nms``, ... and its parameters."""

    type: str
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class DecodeImage:
    """Read an image file as uint8 HWC, RGB (grayscale where ``cv2_flags`` is 0)."""

    cv2_flags: int = 1
    backend: str = "cv2"


@dataclass(frozen=True)
class Resize:
    """Resize to ``size`` = (height, width).

    With ``adaptive_side`` (``"long"`` or ``"short"``) that side becomes the given number
    (the entry that is not -1) and the other keeps the aspect.
    """

    size: tuple[int, int]
    adaptive_side: Literal["", "long", "short"] = ""
    interpolation: str = "bilinear"
    backend: str = "cv2"


@dataclass(frozen=True)
class CenterCrop:
    """Keep the middle ``crop_size`` = (height, width)."""

    crop_size: tuple[int, int]
    backend: str = "cv2"


@dataclass(frozen=True)
class Pad:
    """Pad to a square on the right and at the bottom."""

    pad_to_square: bool = True
    value: int = 0


@dataclass(frozen=True)
class CvtColor:
    """Convert with an OpenCV code by name, ``COLOR_RGB2BGR``."""

    code: str


@dataclass(frozen=True)
class ChannelSplit:
    """Keep one channel."""

    index: int


@dataclass(frozen=True)
class Normalize:
    """``(x / 255 if div255 else x) - mean) / std``; ``mean`` and ``std`` None: no such step.

    Their order is that of the channels at this step.
    """

    div255: bool = True
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


@dataclass(frozen=True)
class ToTensor:
    """HWC to CHW, float32."""


@dataclass(frozen=True)
class CustomFunc:
    """Call ``func_name(image_file, input_shape)`` of a Python file; needs ``--allow_code``."""

    module_path: Path
    func_name: str
    img_shape: tuple[int, ...] | None = None


ProcessOp = (
    DecodeImage
    | Resize
    | CenterCrop
    | Pad
    | CvtColor
    | ChannelSplit
    | Normalize
    | ToTensor
    | CustomFunc
)


@dataclass(frozen=True)
class Dataset:
    """The calibration set.

    ``suffix`` is None for any image suffix; ``get_data_num`` None for every file.
    """

    path: Path | None
    suffix: str | None
    get_data_num: int | None
    process_ops: tuple[ProcessOp, ...]


@dataclass(frozen=True)
class BuildConfig:
    """A build YAML, checked.

    ``ignored_keys`` are the key paths present in the file that have no effect on the
    emulator. Input paths are absolute or relative to the current folder already.
    """

    name: str
    generation: Generation
    frontend: Frontend
    backend: Backend
    extra_ops: ExtraOps | None
    dataset: Dataset | None
    workspace_path: Path
    ignored_keys: tuple[str, ...] = ()
    source: Path | None = None

    @property
    def artifact_prefix(self) -> Path:
        """Return where the artifact goes, as the published road expects it.

        ``<workspace.path>/<name>/mod`` for the current generation,
        ``<work_dir>/<name>-<int8|fp16|fp32>-<mode|none>-<C_H_W>-vacc/<name>`` for 2023's
        (``<C_H_W>-<C_H_W>`` for a range of shapes).
        """
        if self.generation == "current":
            return self.workspace_path / self.name / "mod"
        mode = self.backend.quantize.calibrate_mode if self.backend.dtype == "int8" else "none"
        shape = next(iter(self.frontend.shape.values()), ())
        ends = [shape] if shape else next(iter(self.frontend.shape_ranges.values()), ())
        sizes = "-".join("_".join(str(dim) for dim in end[1:]) for end in ends if end)
        return (
            self.workspace_path
            / f"{self.name}-{self.backend.dtype}-{mode}-{sizes}-vacc"
            / self.name
        )
