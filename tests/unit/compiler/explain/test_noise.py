# SPDX-License-Identifier: Apache-2.0
import json
import math

import numpy as np
import pytest

from vackit.compiler.explain.noise import ChannelNoise, Noise


def test_noise_is_the_ratio_of_the_squares_of_all_that_was_added() -> None:
    noise = Noise()
    noise.add(np.array([3.0, 4.0], np.float32), np.array([3.0, 4.5], np.float32))
    noise.add(np.array([0.0], np.float32), np.array([0.5], np.float32))
    assert noise.sqnr_db == pytest.approx(10 * math.log10(25 / 0.5))
    wanted, got = np.array([3, 4, 0]), np.array([3, 4.5, 0.5])
    cosine = wanted @ got / np.linalg.norm(wanted) / np.linalg.norm(got)
    assert noise.cosine == pytest.approx(cosine)


def test_noise_counts_all_as_lost_where_the_sizes_differ() -> None:
    noise = Noise()
    noise.add(np.full((3, 4), 2.0, np.float32), np.ones((5, 4), np.float32))
    assert (noise.wanted, noise.got, noise.apart) == (48.0, 0.0, 48.0)


def test_noise_of_equal_arrays_is_exact() -> None:
    noise = Noise()
    noise.add(np.ones(3, np.float32), np.ones(3, np.float32))
    assert (noise.sqnr_db, noise.cosine) == (math.inf, 1.0)
    assert noise.to_json() == {"sqnr_db": None, "cosine": 1.0}


@pytest.mark.parametrize(
    ("wanted", "got", "sqnr", "cosine"),
    [(0.0, 1.0, -math.inf, 0.0), (0.0, 0.0, math.inf, 1.0), (1.0, 0.0, 0.0, 0.0)],
    ids=["no-signal", "nothing", "lost"],
)
def test_noise_at_the_ends(wanted: float, got: float, sqnr: float, cosine: float) -> None:
    noise = Noise()
    noise.add(np.array([wanted], np.float32), np.array([got], np.float32))
    assert (noise.sqnr_db, noise.cosine) == (sqnr, cosine)
    json.dumps(noise.to_json(), allow_nan=False)


def test_channel_noise_shows_what_a_loud_channel_hides() -> None:
    quiet, loud = np.full(100, 0.01, np.float32), np.full(100, 10.0, np.float32)
    wanted = np.stack([loud, quiet, quiet])
    channels, noise = ChannelNoise(), Noise()
    got = np.stack([loud * 1.0001, quiet * 0, quiet * 0])
    channels.add(wanted, got)
    noise.add(wanted, got)
    assert noise.sqnr_db > 50
    assert channels.typical_db == pytest.approx(0)
    assert channels.relative[1:] == pytest.approx([1, 1])


def test_channel_noise_leaves_silent_channels_out() -> None:
    channels = ChannelNoise()
    assert (channels.typical, channels.typical_db) == (0.0, math.inf)
    wanted = np.array([[0.0, 0.0], [1.0, 1.0]], np.float32)
    channels.add(wanted, wanted + np.float32(0.1))
    assert channels.relative == pytest.approx([0.01], rel=1e-5)
