# SPDX-License-Identifier: Apache-2.0
"""Encoding without loss, read back by OpenCV's decoders."""

import threading
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from vackit.compat import vaststreamx as vsx
from vackit.compat.vaststreamx.lossless.bits import Bits, unit
from vackit.errors import DataError, StreamClosedError

F = vsx.ImageFormat
RATE = {"frame_rate_denominator": 1, "frame_rate_numerator": 30}
Array = NDArray[np.uint8]


def arrays(height: int, width: int) -> list[Array]:
    """Return NV12 pictures: noise, one full of zeros (start codes), a smooth one."""
    random = np.random.default_rng(height)
    noise = random.integers(0, 256, (height * 3 // 2, width), np.uint8)
    zeros = random.integers(0, 3, (height * 3 // 2, width)).astype(np.uint8)
    small = random.integers(16, 236, (3, 4), np.uint8)
    return [noise, zeros, np.asarray(cv2.resize(small, (width, height * 3 // 2)), np.uint8)]


def encoded(codec: vsx.CodecType, pictures: list[Array], config: Any = RATE) -> list[Array]:
    height, width = pictures[0].shape[0] // 3 * 2, pictures[0].shape[1]
    encoder = vsx.VideoEncoder(codec, width, height, config)
    for array in pictures:
        image = vsx.create_image(array, F.YUV_NV12, width, height, 0)
        encoder.send_image(image, vsx.FrameAttr())
    encoder.stop_send_image()
    packets = [encoder.recv_data() for _ in pictures]
    with pytest.raises(ValueError, match="the encoder is stopped"):
        encoder.recv_data()
    return packets


CODECS = pytest.mark.parametrize(
    ("codec", "suffix"),
    [(vsx.CODEC_TYPE_H264, ".h264"), (vsx.CODEC_TYPE_HEVC, ".h265")],
    ids=["h264", "h265"],
)


@CODECS
@pytest.mark.parametrize("size", [(48, 64), (46, 62), (2, 2), (130, 290)], ids=str)
def test_a_decoder_gives_back_what_was_encoded(
    tmp_path: Path, codec: vsx.CodecType, suffix: str, size: tuple[int, int]
) -> None:
    pictures = arrays(*size)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(packet.tobytes() for packet in encoded(codec, pictures)))
    capture = cv2.VideoCapture(str(path))
    for _ in pictures:
        done, frame = capture.read()
        assert done
        assert frame.shape[:2] == size
        # the decoder's converter spreads chroma over its four pixels by a filter of its own:
        # of noise only the size tells, the smooth picture is the same but for that
    apart = np.abs(frame.astype(int) - cv2.cvtColor(pictures[2], cv2.COLOR_YUV2BGR_NV12))
    assert apart.mean() < 4
    assert not capture.read()[0]
    capture.release()


@CODECS
def test_luma_and_chroma_are_kept_to_the_bit(
    tmp_path: Path, codec: vsx.CodecType, suffix: str
) -> None:
    # one color a picture: no converter's filter matters then
    colors = [(16, 128, 128), (235, 128, 128), (81, 90, 240), (145, 54, 34), (41, 240, 110)]
    pictures = []
    for luma, u, v in colors:
        array = np.empty((48, 64), np.uint8)
        array[:32], array[32:, ::2], array[32:, 1::2] = luma, u, v
        pictures.append(array)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(b"".join(packet.tobytes() for packet in encoded(codec, pictures)))
    capture = cv2.VideoCapture(str(path))
    for array in pictures:
        _, frame = capture.read()
        expected = cv2.cvtColor(array, cv2.COLOR_YUV2BGR_NV12)
        # 2: the decoder's converter rounds in another way
        assert np.abs(frame.astype(int) - expected).max() <= 2
    capture.release()


@CODECS
def test_what_is_encoded_can_be_decoded_again(codec: vsx.CodecType, suffix: str) -> None:
    decoder = vsx.VideoDecoder(codec)
    for packet in encoded(codec, arrays(36, 52)):
        decoder.send_data(packet)
    decoder.stop_send_data()
    images = [decoder.recv_image() for _ in range(3)]
    assert [(image.width, image.height, image.widthpitch) for image in images] == [(52, 36, 64)] * 3
    with pytest.raises(ValueError, match="everything is taken"):
        decoder.recv_image()


def test_packets_are_there_at_once_and_on_another_thread() -> None:
    encoder = vsx.VideoEncoder(vsx.CODEC_TYPE_H264, 64, 48, RATE)
    image = vsx.create_image(arrays(48, 64)[0], F.YUV_NV12, 64, 48, 0)
    encoder.send_image(image)
    assert bytes(encoder.recv_data()[:5]) == b"\0\0\0\1\x67"
    got: list[int] = []

    def receive() -> None:
        try:
            while True:
                got.append(len(encoder.recv_data()))
        except ValueError:
            pass

    thread = threading.Thread(target=receive)
    thread.start()
    for _ in range(3):
        encoder.send_image(image, vsx.FrameAttr())
    encoder.stop_send_image()
    thread.join(20)
    assert len(got) == 3


def test_other_formats_and_odd_sides_are_encoded_as_nv12() -> None:
    bgr = np.full((7, 9, 3), (255, 0, 0), np.uint8)
    encoder = vsx.VideoEncoder(vsx.CODEC_TYPE_H264, 9, 7)
    encoder.send_image(vsx.create_image(bgr, F.BGR_INTERLEAVE, 9, 7, 0))
    decoder = vsx.VideoDecoder(vsx.CODEC_TYPE_H264)
    decoder.send_data(encoder.recv_data())
    decoder.stop_send_data()
    image = decoder.recv_image()
    assert (image.width, image.height) == (8, 6)
    back = vsx.as_numpy(vsx.cvtcolor(image, F.BGR_INTERLEAVE))
    assert np.abs(back.astype(int) - (255, 0, 0)).max() <= 4


def test_jpeg_packets_are_files() -> None:
    (packet,) = encoded(vsx.CODEC_TYPE_JPEG, arrays(48, 64)[2:])
    decoded = cv2.imdecode(packet, cv2.IMREAD_COLOR)
    assert decoded is not None
    assert decoded.shape == (48, 64, 3)


def test_a_writer_makes_raw_streams(tmp_path: Path) -> None:
    path = tmp_path / "out.h265"
    writer = vsx.VideoWriter(str(path), 29.97, vsx.CODEC_TYPE_H265, 1000000, 25, 0)
    for array in arrays(48, 64):
        writer.write(vsx.create_image(array, F.YUV_NV12, 64, 48, 0), vsx.FrameAttr())
    writer.release()
    capture = vsx.VideoCapture(str(path), vsx.CaptureMode.FULLSPEED_MODE, 0)
    done, _, attr = capture.read()
    assert done
    assert "hevc" in attr.codec_info
    capture.release()
    missing = vsx.VideoWriter(str(tmp_path / "no" / "a.h264"))
    with pytest.raises(DataError, match="cannot write the video: No such file"):
        missing.write(vsx.create_image(arrays(2, 2)[0], F.YUV_NV12, 2, 2, 0))


@pytest.mark.parametrize(
    ("codec", "size", "config", "message"),
    [
        (vsx.CodecType.CODEC_TYPE_AV1, (64, 48), None, "there is no encoder for CODEC_TYPE_AV1"),
        (vsx.CODEC_TYPE_H264, (1, 48), None, "a video of 1x48, expected sides of at least 2"),
        (vsx.CODEC_TYPE_H264, (8, 8), {"frame_rate_numerator": 0}, "frame rate is 0, expected"),
    ],
    ids=["codec", "size", "rate"],
)
def test_an_encoder_says_what_is_wrong(
    codec: vsx.CodecType, size: tuple[int, int], config: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        vsx.VideoEncoder(codec, *size, config)


def test_an_encoder_refuses_other_sizes_and_what_comes_late() -> None:
    encoder = vsx.VideoEncoder(vsx.CODEC_TYPE_H264, 64, 48)
    image = vsx.create_image(arrays(2, 2)[0], F.YUV_NV12, 2, 2, 0)
    with pytest.raises(DataError, match="the encoder was made for 64x48, got an image of 2x2"):
        encoder.send_image(image)
    encoder.stop_send_image()
    with pytest.raises(StreamClosedError, match="the encoder is stopped and takes no more data"):
        encoder.send_image(vsx.create_image(arrays(48, 64)[0], F.YUV_NV12, 64, 48, 0))


def test_bits_and_units_are_written_as_the_standards_say() -> None:
    # Exp-Golomb: 0 is 1, 1 is 010, 3 is 00100
    assert Bits().ue(0, 1, 3).aligned() == bytes([0b10100010, 0b00000000])
    assert Bits().u(5, 4).closed() == bytes([0b01011000])
    stuffed = unit(b"\x65", b"\0\0\0\0\0\1\0\0\4")
    assert stuffed == b"\0\0\0\1\x65" + b"\0\0\3\0\0\3\0\1\0\0\4"
