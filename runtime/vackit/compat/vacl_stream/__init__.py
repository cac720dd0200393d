# SPDX-License-Identifier: Apache-2.0
"""The published ``vacl_stream`` interface of 2023: results by callback on another thread.

`runstream` lets programs import it by that name. A thin face over `vackit.stream`; models are
those of the ``vaststreamx`` interface.
"""

from ctypes import POINTER, c_uint32, c_uint64, c_void_p, c_wchar_p, cast

from vackit.compat.vacl_stream.callback import output_callback_type
from vackit.compat.vacl_stream.handle import VaststreamHandle, create_vaststream
from vackit.compat.vacl_stream.low_level import VaclStream
from vackit.compat.vacl_stream.structures import OutputDescription, OutputShape, StreamInfo

__all__ = [
    "POINTER",
    "OutputDescription",
    "OutputShape",
    "StreamInfo",
    "VaclStream",
    "VaststreamHandle",
    "c_uint32",
    "c_uint64",
    "c_void_p",
    "c_wchar_p",
    "cast",
    "create_vaststream",
    "output_callback_type",
]
