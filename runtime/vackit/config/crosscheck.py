# SPDX-License-Identifier: Apache-2.0
"""Compare how a build config and vdsp params prepare an image: they must agree.

A quantized model whose calibration images were prepared otherwise than those it meets
later loses accuracy without any error.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from vackit.config.build_types import BuildConfig, CenterCrop, CvtColor, Normalize, Pad, Resize
from vackit.config.vdsp_types import VdspParams
from vackit.errors import Finding

# A step of float16 is 2**-10 of its value at most; two constants are rounded
_HALF_STEPS = 2 * 2.0**-10
_CUBIC = {"bilinear": "BILINEAR", "bicubic": "BICUBIC", "nearest": "NEAREST"}
_Size = tuple[int, int]


@dataclass(frozen=True)
class _Scaling:
    """``(x - mean) / std`` of bytes x, per channel."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __str__(self) -> str:
        mean, std = (", ".join(f"{v:.6g}" for v in values) for values in (self.mean, self.std))
        return f"(x - [{mean}]) / [{std}]"

    def __eq__(self, other: object) -> bool:
        """Tell whether float16 holds both alike; one value stands for all channels."""
        if not isinstance(other, _Scaling):
            return NotImplemented
        pairs = [*_paired(self.mean, other.mean), *_paired(self.std, other.std)]
        return all(math.isclose(a, b, rel_tol=_HALF_STEPS, abs_tol=1e-7) for a, b in pairs)

    __hash__ = None  # type: ignore[assignment]


def disagreements(config: BuildConfig, params: VdspParams) -> list[Finding]:
    """Return a finding for each step that the two describe differently.

    Mean and std are compared at float16 and by what the whole normalization does:
    ``x / 127.5 - 1`` is the same as a mean and std of 127.5. Nothing is compared where the
    build config has no process_ops or the params are not of an image operator.
    """
    if config.dataset is None or not config.dataset.process_ops:
        return []
    if not params.op_type.startswith("FUSION_OP_RGB"):
        return []
    calibration, runtime = _of_build(config), _of_params(params, config)
    return [
        Finding(
            f"{step}: {params.source or 'the vdsp JSON'} has {runtime[step]}, "
            f"the calibration images get {wanted}",
            file=str(config.source or ""),
        )
        for step, wanted in calibration.items()
        if runtime[step] != wanted
    ]


def _of_build(config: BuildConfig) -> dict[str, object]:
    steps: dict[str, object] = {"resize": "none", "resize type": "none", "crop": "none"}
    channels, scaling = "RGB", _Scaling((0.0,), (1.0,))
    ops = config.dataset.process_ops if config.dataset else ()
    for op in ops:
        if isinstance(op, Resize):
            steps["resize"], steps["resize type"] = _resize(op), _resize_type(op)
        elif isinstance(op, CenterCrop):
            steps["crop"] = _size(op.crop_size)
        elif isinstance(op, Pad) and op.pad_to_square:
            steps["resize"] = "letterbox"
        elif isinstance(op, CvtColor):
            channels = _converted(channels, op.code.removeprefix("COLOR_"))
        elif isinstance(op, Normalize):
            scaling = _scaling(op.div255, op.mean or (0.0,), op.std or (1.0,))
    return steps | {"channels": channels, "normalization": scaling}


def _of_params(params: VdspParams, config: BuildConfig) -> dict[str, object]:
    output = params.output_size or _model_size(config)
    crops = "CROP" in params.op_type and output != params.resize_size
    if "LETTERBOX" in params.op_type:
        resize = "letterbox"
    elif params.short_edge:
        resize = f"shorter side {params.short_edge}"
    else:
        resize = _size(params.resize_size or output)
    given = "BGR" if params.image_format.startswith("BGR") else "RGB"
    return {
        "resize": resize,
        "resize type": "BILINEAR_CV" if params.resize_type == "BILINEAR" else params.resize_type,
        "crop": _size(output) if crops else "none",
        "channels": _converted(given, params.color_cvt_code),
        "normalization": _norma(params),
    }


def _norma(params: VdspParams) -> _Scaling:
    if params.norma_type == "DIV1275_MINUSONE":
        return _Scaling((127.5,), (127.5,))
    div255 = params.norma_type.startswith("DIV255")
    if "DIVSTD" not in params.norma_type:
        return _scaling(div255, (0.0,), (1.0,))
    return _scaling(div255, params.mean, params.std)


def _scaling(div255: bool, mean: Sequence[float], std: Sequence[float]) -> _Scaling:
    unit = 255.0 if div255 else 1.0
    return _Scaling(tuple(v * unit for v in mean), tuple(v * unit for v in std))


def _paired(a: tuple[float, ...], b: tuple[float, ...]) -> list[tuple[float, float]]:
    longest = max(len(a), len(b))
    a, b = (values * longest if len(values) == 1 else values for values in (a, b))
    return list(zip(a, b, strict=True)) if len(a) == len(b) else [(0.0, 1.0)]


def _resize(op: Resize) -> str:
    if op.adaptive_side:
        side = "shorter" if op.adaptive_side == "short" else "longer"
        return f"{side} side {max(op.size)}"
    return _size(op.size)


def _resize_type(op: Resize) -> str:
    suffix = {"pillow": "_PILLOW"}.get(op.backend, "_CV")
    kind = _CUBIC[op.interpolation]
    return kind if kind == "NEAREST" else kind + suffix


def _size(size: _Size | None) -> str:
    return f"{size[0]}x{size[1]}" if size else "none"


def _model_size(config: BuildConfig) -> _Size | None:
    shape = next(iter(config.frontend.shape.values()), ())
    if len(shape) != 4:
        return None
    height, width = shape[1:3] if shape[-1] in (1, 3) and shape[1] not in (1, 3) else shape[2:]
    return height, width


def _converted(channels: str, code: str) -> str:
    """Return the order of channels after a conversion; swaps turn either order around."""
    if code in ("RGB2BGR", "BGR2RGB"):
        return "BGR" if channels == "RGB" else "RGB"
    return channels if code == "NO_CHANGE" else code
