# SPDX-License-Identifier: Apache-2.0
"""Methods of numpy's arrays that programs call and newer versions have dropped."""

import ctypes
import gc
from typing import Any


def restore_array_methods(np: Any) -> None:
    """Give arrays the methods back; twice is harmless.

    Their class is closed to assignment, so what is missing goes where Python keeps its methods.
    Some are there by name and only say that they were dropped (numpy 2.0).
    """
    is_new = is_numpy_2(np)
    for methods in gc.get_referents(vars(np.ndarray)):  # the one dict behind the view
        if not isinstance(methods, dict):
            continue  # another Python keeps them elsewhere: programs do without
        missing = {
            name: method for name, method in _methods(np).items() if is_new or name not in methods
        }
        methods.update(missing)
    # what Python has looked up before counts no longer
    ctypes.pythonapi.PyType_Modified(ctypes.py_object(np.ndarray))


def is_numpy_2(np: Any) -> bool:
    """Tell whether it is numpy 2 or newer."""
    return bool(np.lib.NumpyVersion(np.__version__) >= "2.0.0")


def _methods(np: Any) -> dict[str, Any]:
    def tostring(array: Any, order: Any = "C") -> bytes:
        data: bytes = array.tobytes(order)
        return data

    def ptp(array: Any, *arguments: Any, **options: Any) -> Any:
        return np.ptp(array, *arguments, **options)

    def itemset(array: Any, *arguments: Any) -> None:
        *place, value = arguments
        if len(place) == 1 and not isinstance(place[0], tuple):
            array.flat[place[0]] = value
        else:
            array[place[0] if len(place) == 1 else tuple(place)] = value

    def newbyteorder(array: Any, new_order: str = "S") -> Any:
        return array.view(array.dtype.newbyteorder(new_order))

    return {"tostring": tostring, "ptp": ptp, "itemset": itemset, "newbyteorder": newbyteorder}
