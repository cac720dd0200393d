# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vackit.errors import DataError
from vackit.vdsp.layout884 import (
    tile_activation,
    tile_matrix,
    untile_activation,
    untile_matrix,
)


def test_activation_lies_in_blocks_of_8_by_8_by_4() -> None:
    array = np.arange(6 * 16 * 24, dtype=np.float32).reshape(6, 16, 24)
    tiles = tile_activation(array)
    assert tiles.shape == (1, 3, 2, 2, 256)
    for c, h, w in ((0, 0, 0), (5, 13, 22), (3, 7, 8)):
        inside = (c % 4) * 64 + (h % 8) * 8 + (w % 8)
        assert tiles[0, w // 8, h // 8, c // 4, inside] == array[c, h, w]
    assert not tiles[0, :, :, 1, 128:].any()  # channels 6 and 7 do not exist


def test_published_size_of_a_fused_operators_tiles() -> None:
    assert tile_activation(np.zeros((3, 1280, 1280), np.float16)).shape == (1, 160, 160, 1, 256)


def test_int8_and_single_pixels_have_blocks_of_their_own() -> None:
    assert tile_activation(np.zeros((9, 8, 8), np.int8)).shape == (1, 1, 1, 2, 512)
    assert tile_activation(np.zeros((2, 300), np.float16)).shape == (2, 1, 1, 2, 256)
    assert tile_activation(np.zeros((1, 300), np.int8)).shape == (1, 1, 1, 1, 512)


@given(
    st.sampled_from([(1, 5), (2, 300, 1, 1), (3, 9, 17), (2, 5, 8, 3), (1, 4, 1, 7)]),
    st.sampled_from(["float16", "int8"]),
)
def test_activation_comes_back(shape: tuple[int, ...], dtype: str) -> None:
    array = np.random.default_rng(0).integers(-9, 9, shape).astype(dtype)
    assert np.array_equal(untile_activation(tile_activation(array), shape), array)


def test_matrix_comes_back() -> None:
    matrix = np.arange(20 * 40, dtype=np.float16).reshape(20, 40)
    tiles = tile_matrix(matrix)
    assert tiles.shape == (2, 3, 256)
    assert tiles[1, 2, 3 * 16 + 5] == matrix[19, 37]
    assert np.array_equal(untile_matrix(tiles, (20, 40)), matrix)


def test_layouts_are_checked() -> None:
    with pytest.raises(DataError, match=r"do not hold \(1, 4, 9, 9\), expected \(1, 2, 2, 1, 256"):
        untile_activation(np.zeros((1, 1, 1, 1, 256), np.float16), (1, 4, 9, 9))
    with pytest.raises(DataError, match=r"do not hold \(17, 16\), expected \(2, 1, 256\)"):
        untile_matrix(np.zeros((1, 1, 256), np.float16), (17, 16))
    with pytest.raises(DataError, match="an activation has 2 to 4 axes"):
        tile_activation(np.zeros(3, np.float16))
