# SPDX-License-Identifier: Apache-2.0
"""Outputs as results carry them."""

import numpy as np
import pytest

from vackit.stream.outputs import as_float16


def test_as_float16_rounds_floats_and_keeps_the_rest() -> None:
    assert as_float16(np.array([1 / 3], np.float32), "x").tolist() == [np.float16(1 / 3)]
    half = np.array([1.5], np.float16)
    ids = np.array([70000])
    assert as_float16(half, "x") is half
    assert as_float16(ids, "x") is ids


def test_as_float16_warns_of_finite_values_that_become_infinite(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert np.isinf(as_float16(np.array([1e5], np.float32), "im.npz")).all()
    assert caplog.messages == ["im.npz: an output exceeds float16 (65504) and becomes infinite"]


def test_as_float16_is_silent_on_infinity(
    caplog: pytest.LogCaptureFixture,
) -> None:
    as_float16(np.array([np.inf], np.float32), "im.npz")
    assert caplog.messages == []
