# SPDX-License-Identifier: Apache-2.0
"""JPEG and video through OpenCV."""

import threading
from pathlib import Path

import cv2
import numpy as np
import pytest

from vackit.compat import vaststreamx as vsx
from vackit.errors import DataError, StreamClosedError

F = vsx.ImageFormat
SMOOTH = cv2.resize(np.random.default_rng(5).integers(0, 256, (4, 5, 3), np.uint8), (75, 42))


def frame(index: int) -> vsx.Image:
    array = np.roll(cv2.resize(SMOOTH, (64, 48)), 4 * index, axis=1)
    return vsx.cvtcolor(vsx.create_image(array, F.BGR_INTERLEAVE, 64, 48, 0), F.YUV_NV12)


def test_jpeg_goes_there_and_back() -> None:
    encoder, decoder = vsx.JpegEncoder(), vsx.JpegDecoder()
    encoder.send_image(vsx.create_image(SMOOTH, F.BGR_INTERLEAVE, 75, 42, 0))
    encoder.stop_send_image()
    data = encoder.recv_data()
    assert data[:2].tobytes() == b"\xff\xd8"
    with pytest.raises(ValueError, match="the encoder is stopped and everything is taken"):
        encoder.recv_data()
    decoder.send_data(data.tobytes())
    decoder.stop_send_data()
    image = decoder.recv_image()
    with pytest.raises(ValueError, match="the decoder is stopped"):
        decoder.recv_image()
    assert (image.width, image.height, image.format) == (75, 42, F.YUV_NV12)
    assert (image.widthpitch, image.heightpitch) == (128, 44)
    assert image.shape == [66, 128]
    back = vsx.as_numpy(vsx.cvtcolor(image, F.BGR_INTERLEAVE))
    # the means of twice lossy smooth pixels; chroma is subsampled on the way
    assert np.abs(back.astype(int) - SMOOTH).mean() < 6


def test_a_thread_may_receive_while_another_sends() -> None:
    decoder, got = vsx.JpegDecoder(), []

    def receive() -> None:
        while True:
            try:
                got.append(decoder.recv_image().width)
            except ValueError:
                return

    thread = threading.Thread(target=receive)
    thread.start()
    data = cv2.imencode(".jpg", SMOOTH)[1]
    for _ in range(3):
        decoder.send_data(np.asarray(data))
    decoder.stop_send_data()
    decoder.stop_send_data()
    thread.join(20)
    assert got == [75, 75, 75]


def test_jpeg_explains_what_is_wrong() -> None:
    decoder = vsx.JpegDecoder()
    with pytest.raises(DataError, match="these bytes are no JPEG picture"):
        decoder.send_data(b"nonsense")
    with pytest.raises(DataError, match="expected bytes, got int"):
        decoder.send_data(3)
    decoder.stop_send_data()
    with pytest.raises(StreamClosedError, match="the decoder is stopped and takes no more data"):
        decoder.send_data(cv2.imencode(".jpg", SMOOTH)[1])


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("video") / "a.mp4")
    writer = vsx.VideoWriter(path, 25, vsx.CodecType.CODEC_TYPE_H264, 1000000, 25, 0)
    for index in range(6):
        writer.write(frame(index), vsx.FrameAttr())
    writer.release()
    writer.release()
    return path


def test_video_capture_reads_nv12_frames(video: str) -> None:
    capture = vsx.VideoCapture(video, vsx.CaptureMode.FULLSPEED_MODE, 0, True)
    count, last = 0, -1
    while True:
        done, image, attr = capture.read()
        if not done:
            break
        assert image is not None
        assert (image.width, image.height, image.format) == (64, 48, F.YUV_NV12)
        assert attr.video_fps == 25
        assert attr.codec_info in ("avc1", "fmp4 as avc1")  # what OpenCV's build can encode
        assert attr.frame_pts > last or count == 0
        count, last = count + 1, attr.frame_pts
    capture.release()
    assert count == 6
    assert image is None


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [
        ("ts", vsx.CODEC_TYPE_H264),
        ("flv", vsx.CODEC_TYPE_H264),
        ("webm", vsx.CODEC_TYPE_H264),
        ("mkv", vsx.CODEC_TYPE_HEVC),
        ("mp4", vsx.CODEC_TYPE_JPEG),
    ],
    ids=["transport-stream", "flash", "webm", "matroska", "motion-jpeg"],
)
def test_video_writer_is_silent_in_every_container(
    suffix: str, codec: vsx.CodecType, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / f"a.{suffix}")
    writer = vsx.VideoWriter(path, 25, codec)
    for index in range(6):
        writer.write(frame(index))
    writer.release()
    assert "OpenCV: FFMPEG" not in capfd.readouterr().err
    capture = vsx.VideoCapture(path)
    assert [capture.read()[0] for _ in range(7)] == [True] * 6 + [False]


def test_media_source_feeds_the_decoder(tmp_path: Path) -> None:
    path = str(tmp_path / "a.avi")
    writer = vsx.VideoWriter(path, 25, vsx.CODEC_TYPE_JPEG, 1000000, 25, 0)
    for index in range(6):
        writer.write(frame(index))
    writer.release()
    source, decoder = vsx.MediaSource(), vsx.VideoDecoder(vsx.CODEC_TYPE_JPEG)
    source.open(path)
    while True:
        data, eof = source.read()
        if eof:
            break
        decoder.send_data(data)
    decoder.stop_send_data()
    with pytest.raises(StreamClosedError, match="the decoder is stopped"):
        decoder.send_data(b"x")
    assert [decoder.recv_image().height for _ in range(6)] == [48] * 6
    with pytest.raises(ValueError, match="the decoder is stopped and everything is taken"):
        decoder.recv_image()


def test_media_source_reads_the_packets_of_any_video(video: str) -> None:
    source = vsx.MediaSource()
    source.open(video)
    packets = [source.read() for _ in range(7)]
    assert [eof for _, eof in packets] == [False] * 6 + [True]
    assert packets[0][0].size > packets[6][0].size == 0


def test_video_capture_does_not_pass_for_empty_what_opencv_cannot_decode(
    video: str, tmp_path: Path
) -> None:
    data = bytearray(Path(video).read_bytes())
    start = data.index(b"mdat") + 4
    end = start - 8 + int.from_bytes(data[start - 8 : start - 4], "big")
    data[start:end] = bytes(end - start)  # six frames of no codec
    broken = tmp_path / "a.mp4"
    broken.write_bytes(data)
    capture = vsx.VideoCapture(str(broken))
    with pytest.raises(DataError, match=r"a\.mp4: OpenCV's build decodes none of the 6 frames \("):
        capture.read()
    capture.release()
    assert capture.read()[0] is False


def test_video_explains_what_is_wrong(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    text = tmp_path / "a.txt"
    text.write_text("no video")
    with pytest.raises(DataError, match=r"a\.txt: OpenCV cannot read it as a video"):
        vsx.VideoCapture(str(text))
    with pytest.raises(DataError, match=r"missing\.mp4: OpenCV finds no video there"):
        vsx.VideoCapture("missing.mp4")
    with pytest.raises(DataError, match=r"no file is open\n  hint: call `open\(path\)` first"):
        vsx.MediaSource().read()
    broken = vsx.VideoDecoder(vsx.CODEC_TYPE_HEVC)
    broken.send_data(b"nonsense")
    broken.stop_send_data()
    with pytest.raises(DataError, match=r"OpenCV (cannot read it as a video|finds no frame in)"):
        broken.recv_image()
