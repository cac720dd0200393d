# SPDX-License-Identifier: Apache-2.0
"""The hardware's tile layouts, and the way back.

Activations lie in blocks of 8 columns, 8 rows and 4 channels (8 channels for int8): array
(N, W/8, H/8, C/4, 256), inside a block index ``(c % 4) * 64 + (h % 8) * 8 + (w % 8)``.
Maps of one pixel have blocks of 256 channels (512 for int8). Matrices lie in tiles of
16 x 16: array (M/16, K/16, 256), rows first inside a tile (the order inside is a guess).
What does not fill a block is zero.
"""

import math

import numpy as np
from numpy.typing import NDArray

from vackit.errors import DataError

BLOCK = 256
_TILE = 16


def _padded(array: NDArray[np.generic], multiples: tuple[int, ...]) -> NDArray[np.generic]:
    pads = [(0, -size % multiple) for size, multiple in zip(array.shape, multiples, strict=True)]
    return np.pad(array, pads)


def _blocks(dtype: np.dtype[np.generic]) -> tuple[int, int]:
    """Return channels of a block, and of a block of one pixel."""
    return (8, 512) if dtype.itemsize == 1 else (4, 256)


def tile_activation(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return (N, C, H, W), (C, H, W) or (N, C) as (N, W/8, H/8, C/4, 256)."""
    maps = _as_maps(array)
    channels, wide = _blocks(maps.dtype)
    if maps.shape[2:] == (1, 1):
        flat = _padded(maps[:, :, 0, 0], (1, wide))
        return flat.reshape(len(flat), 1, 1, -1, wide)
    maps = _padded(maps, (1, channels, 8, 8))
    n, c, h, w = maps.shape
    split = maps.reshape(n, c // channels, channels, h // 8, 8, w // 8, 8)
    return np.ascontiguousarray(split.transpose(0, 5, 3, 1, 2, 4, 6)).reshape(
        n, w // 8, h // 8, c // channels, channels * 64
    )


def untile_activation(tiles: NDArray[np.generic], shape: tuple[int, ...]) -> NDArray[np.generic]:
    """Return what `tile_activation` was given, of ``shape``.

    Raises:
        DataError: So many blocks do not hold that shape.
    """
    n, c, h, w = _as_maps(np.empty(shape, tiles.dtype)).shape
    channels, wide = _blocks(tiles.dtype)
    if (h, w) == (1, 1):
        expected = (n, 1, 1, math.ceil(c / wide), wide)
    else:
        counts = (math.ceil(w / 8), math.ceil(h / 8), math.ceil(c / channels))
        expected = (n, *counts, channels * 64)
    if tiles.shape != expected:
        raise DataError(f"tiles of shape {tiles.shape} do not hold {shape}, expected {expected}")
    if (h, w) == (1, 1):
        return tiles.reshape(n, -1)[:, :c].reshape(shape)
    split = tiles.reshape(*tiles.shape[:4], channels, 8, 8).transpose(0, 3, 4, 2, 5, 1, 6)
    blocks_w, blocks_h, blocks_c = tiles.shape[1:4]
    maps = split.reshape(n, blocks_c * channels, blocks_h * 8, blocks_w * 8)
    return np.ascontiguousarray(maps[:, :c, :h, :w]).reshape(shape)


def tile_matrix(matrix: NDArray[np.generic]) -> NDArray[np.generic]:
    """Return (M, K) as (M/16, K/16, 256)."""
    padded = _padded(matrix, (_TILE, _TILE))
    rows, columns = (size // _TILE for size in padded.shape)
    split = padded.reshape(rows, _TILE, columns, _TILE).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(split).reshape(rows, columns, BLOCK)


def untile_matrix(tiles: NDArray[np.generic], shape: tuple[int, int]) -> NDArray[np.generic]:
    """Return what `tile_matrix` was given, of ``shape``.

    Raises:
        DataError: So many tiles do not hold that shape.
    """
    expected = (math.ceil(shape[0] / _TILE), math.ceil(shape[1] / _TILE), BLOCK)
    if tiles.shape != expected:
        raise DataError(f"tiles of shape {tiles.shape} do not hold {shape}, expected {expected}")
    rows, columns = expected[:2]
    split = tiles.reshape(rows, columns, _TILE, _TILE).transpose(0, 2, 1, 3)
    whole = split.reshape(rows * _TILE, columns * _TILE)
    return np.ascontiguousarray(whole[: shape[0], : shape[1]])


def _as_maps(array: NDArray[np.generic]) -> NDArray[np.generic]:
    if array.ndim == 4:
        return array
    if array.ndim == 3:
        return array[np.newaxis]
    if array.ndim == 2:
        return array[:, :, np.newaxis, np.newaxis]
    raise DataError(f"an activation has 2 to 4 axes, got shape {array.shape}")
