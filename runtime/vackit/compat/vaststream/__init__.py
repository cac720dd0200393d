# SPDX-License-Identifier: Apache-2.0
"""The published ``vaststream`` interface of 2023; `runstream` lets programs import it so.

``from vaststream import *`` also brings the ctypes names that programs use without
importing them.
"""

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    byref,
    c_int32,
    c_uint32,
    c_uint64,
    c_void_p,
    c_wchar_p,
    cast,
    pointer,
)

from vackit.compat.vacl_stream import (
    OutputDescription,
    OutputShape,
    StreamInfo,
    VaclStream,
    output_callback_type,
)

vast_stream = VaclStream

__all__ = [
    "CFUNCTYPE",
    "POINTER",
    "OutputDescription",
    "OutputShape",
    "StreamInfo",
    "Structure",
    "VaclStream",
    "byref",
    "c_int32",
    "c_uint32",
    "c_uint64",
    "c_void_p",
    "c_wchar_p",
    "cast",
    "output_callback_type",
    "pointer",
    "vast_stream",
]
