# SPDX-License-Identifier: Apache-2.0
"""Custom operators by name. A program's user adds one with `register`.

::

    from vackit.compat.vaststreamx.custom_ops.registry import Call, register

    @register("my_op")
    def my_op(call: Call) -> list[np.ndarray]:
        factor, = call.unpack("<f")
        return [call.array(0) * factor]

in a file that ``runstream --ops FILE`` loads before the program.
"""

import importlib
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from numpy.typing import NDArray

from vackit.compat.vaststreamx.custom_ops.files import load_files
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.tensor import Tensor
from vackit.errors import StreamError


@dataclass(frozen=True)
class Call:
    """One execution of a custom operator.

    Attributes:
        name: The operator's.
        inputs: Its images and tensors.
        config: The bytes of its config structure.
        output_info: As the program gave it; may be empty.
    """

    name: str
    inputs: Sequence[Image | Tensor]
    config: bytes
    output_info: tuple[Any, ...] = ()

    def array(self, index: int) -> NDArray[Any]:
        """Return an input's array; an image's without its pitch.

        Raises:
            StreamError: There are not so many inputs.
        """
        if index >= len(self.inputs):
            raise StreamError(
                f"{self.name} needs {index + 1} inputs, got {len(self.inputs)}",
                hint="pass them as tensors=[...] or images=[...]",
            )
        one = self.inputs[index]
        return one.plain_array if isinstance(one, Image) else one.array

    def unpack(self, layout: str) -> tuple[Any, ...]:
        """Return the config's fields; ``layout`` as `struct` writes it.

        Raises:
            StreamError: The config is of another size.
        """
        size = struct.calcsize(layout)
        if len(self.config) < size:
            raise StreamError(f"{self.name} takes a config of {size} bytes, got {len(self.config)}")
        return struct.unpack_from(layout, self.config)


CustomOp = Callable[[Call], Sequence[Any]]

_BUILTINS = {
    "opf_normalize": "normalize",
    "opf_space_to_depth_out_matrix": "space_to_depth",
    "custom_op_tensor2image": "tensor2image",
    "find_contours": "find_contours",
    "planar_argmax_op": "planar_argmax",
    "img_brightness_adjust": "brightness",
    "tensorize_op": "tensorize",
    "yolov8_seg_op": "yolov8_seg",
}
# Known by name from published programs; what they compute is not public enough to repeat
_UNKNOWN = {
    "norma_tensor_3ch_op": "its config structure, beyond that it holds addresses of tensors "
    "(`array_at` of vackit.compat.vaststreamx.tensor finds them)",
    "custom_op_pointpillar": "how it runs the models whose addresses it is given",
}
_added: dict[str, CustomOp] = {}


def register(name: str) -> Callable[[CustomOp], CustomOp]:
    """Return a decorator that makes a function the custom operator ``name``.

    Raises:
        StreamError: Another function has the name.
    """

    def add(function: CustomOp) -> CustomOp:
        if _added.setdefault(name, function) is not function:
            raise StreamError(f"a custom operator '{name}' is registered already")
        return function

    return add


def find_op(name: str) -> CustomOp:
    """Return the custom operator ``name``; one that was registered comes first.

    Raises:
        StreamError: There is none; says what it would take.
    """
    load_files()
    if name in _added:
        return _added[name]
    if name in _BUILTINS:
        module = importlib.import_module(f"vackit.compat.vaststreamx.custom_ops.{_BUILTINS[name]}")
        function: CustomOp = module.run
        return function
    how = "register a function for it in a file, and pass it: runstream --ops FILE"
    if name in _UNKNOWN:
        raise StreamError(
            f"custom operator '{name}' has no stand-in: not public is {_UNKNOWN[name]}", hint=how
        )
    known = sorted({*_added, *_BUILTINS})
    close = get_close_matches(name, known, n=1)
    raise StreamError(
        f"there is no custom operator '{name}'; there are: {', '.join(known)}",
        hint=f"did you mean '{close[0]}'?" if close else how,
    )
