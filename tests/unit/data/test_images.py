# SPDX-License-Identifier: Apache-2.0
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from vackit.data.images import decode_gray, decode_rgb, decode_rgb_planes
from vackit.errors import DataError


@pytest.fixture
def picture() -> NDArray[np.uint8]:
    """Return RGB, (20, 30, 3): red grows to the right, green downwards, blue is 40."""
    image = np.full((20, 30, 3), 40, np.uint8)
    image[..., 0] = np.arange(30) * 8
    image[..., 1] = (np.arange(20) * 12)[:, None]
    return image


def save(path: Path, image: Image.Image, **options: Any) -> Path:
    image.save(path, **options)
    return path


def test_decode_rgb_returns_rgb_in_that_order(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture))
    decoded = decode_rgb(path)
    assert np.array_equal(decoded, picture)
    assert decoded.flags.c_contiguous
    assert np.array_equal(decode_rgb(str(path)), picture)


def test_decode_rgb_goes_by_content_not_by_suffix(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    path = save(tmp_path / "a.JPEG", Image.fromarray(picture), format="PNG")
    assert np.array_equal(decode_rgb(path), picture)


def test_decode_rgb_planes_are_the_transposed_image(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(picture), quality=95)
    planes = decode_rgb_planes(path.read_bytes(), path)
    assert np.array_equal(planes, decode_rgb(path).transpose(2, 0, 1))
    assert planes.flags.c_contiguous


def test_decode_rgb_planes_reuses_an_array_of_the_same_size_only(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture))
    fitting, other = np.zeros((3, 20, 30), np.uint8), np.zeros((3, 30, 20), np.uint8)
    assert decode_rgb_planes(path.read_bytes(), path, fitting) is fitting
    assert decode_rgb_planes(path.read_bytes(), path, other) is not other
    assert np.array_equal(fitting, picture.transpose(2, 0, 1))


def test_decode_gray_returns_one_plane(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture[..., 0]))
    assert np.array_equal(decode_gray(path), picture[..., 0])
    assert np.array_equal(decode_gray(str(path)), picture[..., 0])


def test_decode_rgb_repeats_gray(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture[..., 0]))
    assert np.array_equal(decode_rgb(path), np.repeat(picture[..., :1], 3, axis=2))


def test_decode_rgb_drops_alpha(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    alpha = np.full((20, 30, 1), 7, np.uint8)
    path = save(tmp_path / "a.png", Image.fromarray(np.concatenate([picture, alpha], axis=2)))
    assert np.array_equal(decode_rgb(path), picture)


def test_decode_rgb_scales_16_bits_to_8(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = tmp_path / "a.png"
    cv2.imwrite(str(path), picture[..., ::-1].astype(np.uint16) * 257)
    assert np.array_equal(decode_rgb(path), picture)


def test_decode_rgb_converts_cmyk(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(picture).convert("CMYK"), quality=95)
    difference = np.abs(decode_rgb(path).astype(int) - picture)
    # JPEG at quality 95 and two conversions of 8 bits; a wrong or inverted plane is 100 off
    assert difference.mean() < 6


def test_decode_rgb_applies_exif_orientation(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turn a quarter clockwise to view
    path = save(tmp_path / "a.jpg", Image.fromarray(picture), exif=exif)
    assert decode_rgb(path).shape == (30, 20, 3)


def test_decode_rgb_of_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    with pytest.raises(DataError, match=r"a\.jpg: is empty \(0 bytes\)"):
        decode_rgb(tmp_path / "a.jpg")


def test_decode_rgb_of_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("no image")
    with pytest.raises(DataError, match="cannot be decoded: not an image"):
        decode_rgb(tmp_path / "a.jpg")


def test_decode_rgb_of_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read: no such file"):
        decode_rgb(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95], ids=["tenth", "half", "most"])
def test_decode_rgb_of_a_cut_off_file_is_an_error(
    tmp_path: Path, picture: NDArray[np.uint8], kind: str, share: float
) -> None:
    path = save(tmp_path / "a.jpg", Image.fromarray(picture), format=kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(DataError, match="is cut off: its end is missing after"):
        decode_rgb(path)


def test_decode_rgb_is_not_fooled_by_the_end_of_a_thumbnail(
    tmp_path: Path, picture: NDArray[np.uint8]
) -> None:
    thumbnail = io.BytesIO()
    Image.fromarray(picture).save(thumbnail, "JPEG")
    path = save(tmp_path / "a.jpg", Image.fromarray(picture))
    data = path.read_bytes()
    segment = b"\xff\xe1" + struct.pack(">H", len(thumbnail.getvalue()) + 2)
    whole = data[:2] + segment + thumbnail.getvalue() + data[2:]
    path.write_bytes(whole)
    assert decode_rgb(path).shape == picture.shape
    path.write_bytes(whole[:-40])
    with pytest.raises(DataError, match="is cut off"):
        decode_rgb(path)


def test_decode_rgb_refuses_a_picture_that_declares_too_many_pixels(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 100_000, 100_000, 8, 2, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 100)), (b"IEND", b"")]
    data = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in chunks
    )
    (tmp_path / "bomb.png").write_bytes(data)
    with pytest.raises(DataError, match="declares 100000 x 100000 pixels; at most 268435456"):
        decode_rgb(tmp_path / "bomb.png")


def test_decode_rgb_turns_opencv_errors_into_its_own(
    tmp_path: Path, picture: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(tmp_path / "a.png", Image.fromarray(picture))

    def fail(*_: object) -> None:
        raise cv2.error("too large")

    monkeypatch.setattr(cv2, "imdecode", fail)
    with pytest.raises(DataError, match="OpenCV cannot decode it"):
        decode_rgb(path)
