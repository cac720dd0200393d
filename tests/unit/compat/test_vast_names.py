# SPDX-License-Identifier: Apache-2.0
"""The names that the modules of 2023 offer."""

import ctypes
import pydoc
from typing import Any

from vackit.compat import vacl_stream, vaststream


def test_star_import_brings_what_programs_use_without_importing() -> None:
    names: dict[str, Any] = {}
    # inside a function the statement exists in this form only
    exec("from vackit.compat.vaststream import *", names)
    assert names["vast_stream"] is vaststream.vast_stream
    assert names["cast"] is ctypes.cast
    assert names["POINTER"] is ctypes.POINTER
    assert (names["c_void_p"], names["c_uint64"]) == (ctypes.c_void_p, ctypes.c_uint64)


def test_shims_offer_both_names() -> None:
    from vackit.compat.shims import vacl_stream as low
    from vackit.compat.shims import vaststream as high

    assert low.create_vaststream is vacl_stream.create_vaststream
    assert high.vast_stream is vaststream.vast_stream


def test_help_shows_what_the_module_offers() -> None:
    from vackit.compat.shims import vaststreamx as vsx

    text = pydoc.plain(pydoc.render_doc(vsx))
    assert "class Stream" in text
    assert "create_image(" in text
    assert all(hasattr(vsx, name) for name in vsx.__all__)
