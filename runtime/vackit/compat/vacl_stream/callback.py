# SPDX-License-Identifier: Apache-2.0
"""A program's callback, called through real ctypes, whatever type it was made with."""

import ctypes
import threading
from collections.abc import Callable
from typing import Any

from vackit.compat.vacl_stream.structures import OutputDescription, address_of
from vackit.errors import StreamError

_CALLBACK = ctypes.CFUNCTYPE(
    None,
    ctypes.POINTER(OutputDescription),
    ctypes.POINTER(ctypes.c_uint64),
    ctypes.c_uint32,
    ctypes.c_void_p,
)
_NUM_ARGUMENTS = 4
_raised = threading.local()


def output_callback_type(function: Callable[..., Any]) -> Any:
    """Return a ctypes callback: (description, output addresses, their number, user data).

    What it raises is printed, as ctypes does with every callback, and noted beside.
    """

    def noting(*arguments: Any) -> None:
        try:
            function(*arguments)
        except BaseException as error:
            _raised.error = error
            raise

    return _CALLBACK(noting)


class Callback:
    """A callback with what every call of it gets.

    Args:
        function: Made by `output_callback_type`, by a type of the program's own with four
            arguments, or a plain function. Kept alive.
        user_data: What the program wants back, or a pointer to it. Kept alive: the program
            may drop its own before the last call.
        fields: Of the output description, beside ``input_id``.

    Raises:
        StreamError: It cannot be called so.
    """

    def __init__(self, function: Any, user_data: Any, fields: dict[str, int]) -> None:
        if not callable(function):
            raise StreamError(f"the callback is no function, got {type(function).__name__}")
        is_ctypes = hasattr(function, "argtypes")
        self._function = function if is_ctypes else output_callback_type(function)
        self._kinds = tuple(self._function.argtypes or ())
        if len(self._kinds) != _NUM_ARGUMENTS:
            raise StreamError(
                f"the callback takes {len(self._kinds)} arguments, expected {_NUM_ARGUMENTS}",
                hint="make it with output_callback_type",
            )
        self._user_data = user_data
        self._address = address_of(user_data)
        self._fields = fields

    def __call__(self, input_id: int, addresses: Any) -> BaseException | None:
        """Call it; return what it raised, where that can be known."""
        description = self._description(input_id)
        pointers = (ctypes.pointer(description), addresses)
        first = [ctypes.cast(p, kind) for p, kind in zip(pointers, self._kinds, strict=False)]
        _raised.error = None
        self._function(*first, len(addresses), ctypes.c_void_p(self._address))
        error: BaseException | None = _raised.error
        _raised.error = None
        return error

    def _description(self, input_id: int) -> ctypes.Structure:
        """Return a description of the type that the callback itself declares, if any."""
        declared = getattr(self._kinds[0], "_type_", None)
        is_structure = isinstance(declared, type) and issubclass(declared, ctypes.Structure)
        made = declared() if is_structure and declared else OutputDescription()
        for name, value in {**self._fields, "input_id": input_id}.items():
            if hasattr(made, name):
                setattr(made, name, value)
        return made
