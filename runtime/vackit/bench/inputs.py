# SPDX-License-Identifier: Apache-2.0
"""Random input for measuring speed, and the shapes that a user asks for with ``-s``."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from vackit.config.vdsp import VdspParams
from vackit.errors import UsageError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from vackit.devices.base import Program
    from vackit.tensors import TensorSpec

Shape = tuple[int, ...]


def parse_shapes(text: str) -> tuple[Shape, ...]:
    """Read ``3,224,224``, ``[3,224,224]`` or a list of shapes, ``[1,128],[1,128]``.

    Raises:
        UsageError: It is none of these.
    """
    try:
        data = json.loads(f"[{text.strip()}]")
    except ValueError:
        data = None
    while isinstance(data, list) and len(data) == 1 and isinstance(data[0], list):
        data = data[0]
    if not isinstance(data, list) or len(data) < 2:
        raise _no_shape(text)
    shapes = data if isinstance(data[0], list) else [data]
    if not all(isinstance(shape, list) and shape and all(map(_is_size, shape)) for shape in shapes):
        raise _no_shape(text)
    return tuple(tuple(shape) for shape in shapes)


def random_sample(
    program: "Program", vdsp: VdspParams | None, shapes: Sequence[Shape]
) -> tuple[Any, str]:
    """Return one sample that the graph of `program` and `vdsp` takes, and what it is in words.

    Images are uint8 over the whole range; floats are in [0, 1), integers 0 or 1 (as token
    numbers they stay inside any vocabulary). Always the same values.

    Args:
        program: What is to be measured.
        vdsp: Its preprocessing, if that is measured too.
        shapes: Per input, without or with a leading 1; empty: the model's own. Of a text model
            they may be those of all the token tensors that programs make, which are the same.

    Raises:
        UsageError: The shapes do not fit.
    """
    import numpy as np

    from vackit.data.tokens import model_shapes

    rng = np.random.default_rng(0)
    if vdsp is not None:
        from vackit.stream.images import arrange

        height, width = image_size(program, shapes)
        image = rng.integers(0, 256, (3, height, width), dtype=np.uint8)
        text = f"a random {height}x{width} image ({vdsp.image_format})"
        return arrange(image, vdsp.image_format), text
    shapes = model_shapes(shapes, program.inputs)
    _check_shapes(program.inputs, shapes)
    sizes = [
        _sample_shape(spec, shapes[i] if shapes else ()) for i, spec in enumerate(program.inputs)
    ]
    tensors = [_tensor(rng, spec, size) for spec, size in zip(program.inputs, sizes, strict=True)]
    text = ", ".join(
        f"{spec} of {list(size)}" if spec.is_dynamic else str(spec)
        for spec, size in zip(program.inputs, sizes, strict=True)
    )
    return tensors, f"random {text}"


def image_size(program: "Program", shapes: Sequence[Shape]) -> tuple[int, int]:
    """Return (height, width) of the measured image: the one asked for, or the model's."""
    if not shapes:
        height, width = program.inputs[0].sample_shape[-2:]
        return height, width
    shape = shapes[0][1:] if len(shapes[0]) == 4 and shapes[0][0] == 1 else shapes[0]
    if len(shapes) != 1 or len(shape) != 3 or shape[0] != 3:
        raise UsageError(
            f"-s {_text(shapes)}: with --vdsp_params the shape is that of one RGB image, "
            "3,HEIGHT,WIDTH"
        )
    return shape[1], shape[2]


def _no_shape(text: str) -> UsageError:
    return UsageError(
        f"-s '{text}' is no shape; expected sizes like 3,224,224 or [3,224,224], or a list "
        "of shapes (unquoted brackets are a file pattern to the shell, which replaces "
        "[3,224,224] by a file named 2, 3, 4 or a comma)",
        hint="write -s 3,224,224",
    )


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _check_shapes(specs: "Sequence[TensorSpec]", shapes: Sequence[Shape]) -> None:
    if not shapes:
        return
    fits = len(shapes) == len(specs) and all(
        _sample_shape(spec, shape) in (shape, (1, *shape))
        for shape, spec in zip(shapes, specs, strict=True)
    )
    if not fits:
        raise UsageError(
            f"-s {_text(shapes)} does not fit the model's inputs: "
            f"{'; '.join(str(spec) for spec in specs)}",
            hint="leave -s out to use the model's own shapes",
        )


def _sample_shape(spec: "TensorSpec", shape: Shape) -> Shape:
    """Return the shape of one sample: of a model of several sizes the one asked for."""
    asked = shape if len(shape) == len(spec.shape) else (1, *shape)
    return asked if asked[0] == 1 and spec.accepts(asked) else spec.sample_shape


def _tensor(rng: "np.random.Generator", spec: "TensorSpec", size: Shape) -> "NDArray[Any]":
    import numpy as np

    dtype = np.dtype(spec.dtype)
    if dtype.kind == "f":
        return rng.random(size, dtype=np.float32).astype(dtype)
    return rng.integers(0, 2, size).astype(dtype)


def _text(shapes: Sequence[Shape]) -> str:
    return ";".join(",".join(map(str, shape)) for shape in shapes)
