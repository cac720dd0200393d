# SPDX-License-Identifier: Apache-2.0
"""Custom operators of a program: by name, each a numpy function in the place of its ELF file."""

import ctypes
from collections.abc import Sequence
from typing import Any

import numpy as np

from vackit.compat.vaststreamx.custom_ops.registry import Call, find_op
from vackit.compat.vaststreamx.enums import ImageFormat, OpType
from vackit.compat.vaststreamx.image import Image
from vackit.compat.vaststreamx.operators import Operator
from vackit.compat.vaststreamx.pixels import array_shape
from vackit.compat.vaststreamx.tensor import DTYPES, Tensor
from vackit.errors import StreamError
from vackit.stream.recorder import span


class CustomOperator(Operator):
    """An operator that a card loads from an ELF file.

    Args:
        op_name: Its name: what is looked up here.
        elf_file_path: Accepted; the file is not needed.

    Raises:
        StreamError: There is no operator of that name; says how to add one.
    """

    def __init__(self, op_name: str, elf_file_path: str = "") -> None:
        super().__init__(OpType.CUSTOM_OP)
        self.op_name = op_name
        self.elf_file_path = elf_file_path
        self._run = find_op(op_name)
        self._config = b""

    def set_config(self, config_bytes: Any = b"", config_size: int | None = None) -> None:
        """Keep the config that `execute` passes on: bytes, a structure, or where one lies."""
        self._config = _as_bytes(config_bytes, config_size)[:config_size]

    def set_callback_info(self, *shapes: Any, **named: Any) -> None:
        """Accept the shapes' upper limits; the emulator needs none."""

    def execute(
        self,
        tensors: Sequence[Image | Tensor] = (),
        output_info: Sequence[Any] = (),
        images: Sequence[Image | Tensor] = (),
    ) -> list[Any]:
        """Run with the config that `set_config` has left."""
        return self.run_sync(tensors, images, self._config, output_info)

    def run_sync(
        self,
        tensors: Sequence[Image | Tensor] = (),
        images: Sequence[Image | Tensor] = (),
        config: Any = b"",
        output_info: Sequence[Any] = (),
    ) -> list[Any]:
        """Run the operator.

        Args:
            tensors: Its inputs; images are welcome too.
            images: Likewise.
            config: The bytes of its config structure.
            output_info: Per output (shape, type), or ([width, height], format) for images.

        Raises:
            StreamError: The config is of another size, or the outputs of another shape.
            DataError: The numbers in it do not fit the inputs.
        """
        inputs = [*(tensors or ()), *(images or ())]
        with span(self.op_name):
            made = self._run(Call(self.op_name, inputs, _as_bytes(config), tuple(output_info)))
        if output_info and len(made) != len(output_info):
            raise StreamError(
                f"{self.op_name} makes {len(made)} outputs, output info describes "
                f"{len(output_info)}"
            )
        infos = output_info or [None] * len(made)
        return [_output(self.op_name, one, info) for one, info in zip(made, infos, strict=True)]


def _as_bytes(config: Any, size: int | None = None) -> bytes:
    """Return a config's bytes; ``size`` is needed of a pointer or an address."""
    if isinstance(config, np.ndarray):
        return config.tobytes()
    if isinstance(config, int | ctypes.c_void_p | ctypes._Pointer) and size:
        address = config if isinstance(config, int) else ctypes.cast(config, ctypes.c_void_p).value
        if not address:
            raise StreamError("a config is bytes, got a null pointer")
        return ctypes.string_at(address, size)
    if isinstance(config, ctypes.Structure | ctypes.Array | bytes | bytearray | memoryview):
        return bytes(config)
    raise StreamError(f"a config is bytes, got {type(config).__name__}")


def _output(name: str, made: Any, info: Any) -> Any:
    """Return one output as ``info`` describes it."""
    if info is None:
        return made if isinstance(made, Image | Tensor) else Tensor(np.asarray(made))
    try:
        shape, kind = info
        sizes = tuple(int(size) for size in shape)
        if isinstance(kind, ImageFormat):
            width, height = sizes
            sizes = array_shape(kind, (height, width))
        dtype = np.dtype(np.uint8 if isinstance(kind, ImageFormat) else DTYPES[kind])
    except (TypeError, ValueError, KeyError) as error:
        raise StreamError(
            f"output info is {info!r}, expected (shape, TypeFlag) or ([width, height], ImageFormat)"
        ) from error
    array = made.array if isinstance(made, Image | Tensor) else np.asarray(made)
    if array.size != np.prod(sizes, dtype=int):
        raise StreamError(f"{name} makes {array.shape}, output info says {sizes}")
    array = array.reshape(sizes).astype(dtype, copy=False)
    if isinstance(kind, ImageFormat):
        return Image(array, kind)
    return Tensor(array, plain=made.plain if isinstance(made, Tensor) else ())
