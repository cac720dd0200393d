# SPDX-License-Identifier: Apache-2.0
"""Coding with a thread that feeds and a loop that takes until the end."""

import argparse
import os
import threading

import cv2
import numpy as np
import vaststreamx as vsx

parser = argparse.ArgumentParser()
parser.add_argument("--image")
args = parser.parse_args()
NV12 = vsx.ImageFormat.YUV_NV12
COUNT = 4


def drain(receive):
    taken = []
    while True:
        try:
            taken.append(receive())
        except ValueError:
            return taken


def beside(feed):
    thread = threading.Thread(target=feed)
    thread.start()
    return thread


def decode_jpeg():
    decoder = vsx.JpegDecoder()

    def feed():
        vsx.set_device(0)
        for _ in range(COUNT):
            decoder.send_data(np.fromfile(args.image, dtype=np.uint8))
        decoder.stop_send_data()

    thread = beside(feed)
    images = drain(decoder.recv_image)
    thread.join()
    image = images[0]
    print(f"jpeg: {len(images)} of {image.width} x {image.height}, pitch {image.widthpitch} x "
          f"{image.heightpitch} {image.format}")  # fmt: skip
    return image


def encode_jpeg(image):
    array = vsx.as_numpy(image).squeeze()
    rows = [array[: image.height, : image.width]]
    rows.append(array[image.heightpitch :][: image.height // 2, : image.width])
    np.concatenate(rows).tofile("image.yuv")
    host = vsx.create_image("image.yuv", NV12, image.width, image.height, vsx.Context.CPU())
    encoder = vsx.JpegEncoder()
    for one in (image, host):
        encoder.send_image(one)
    encoder.stop_send_image()
    with open("out.jpg", "wb") as file:
        for data in drain(encoder.recv_data)[1:]:
            file.write(data)
    apart = cv2.absdiff(cv2.imread("out.jpg"), cv2.imread(args.image))
    print("encoded again:", "near" if apart.mean() < 4 else "FAR")


def code_video(name, codec):
    rates = {"frame_rate_denominator": 1, "frame_rate_numerator": 30}
    width, height = 96, 72
    encoder = vsx.VideoEncoder(codec, width, height, rates)
    bgr = cv2.imread(args.image)

    def feed():
        for index in range(COUNT):
            moved = np.roll(bgr, 8 * index, axis=1)
            image = vsx.create_image(
                array=moved, format=vsx.ImageFormat.BGR_INTERLEAVE, width=width, height=height,
                device_id=0,
            )  # fmt: skip
            attr = vsx.FrameAttr()
            attr.frame_pts = attr.frame_dts = index
            encoder.send_image(vsx.cvtcolor(image, NV12), attr)
        encoder.stop_send_image()

    thread = beside(feed)
    with open(name, "wb") as file:
        for data in drain(encoder.recv_data):
            file.write(data)
    thread.join()
    source = vsx.MediaSource()
    source.open(name)
    decoder = vsx.VideoDecoder(codec)

    def pass_on():
        while True:
            data, eof = source.read()
            if eof:
                break
            decoder.send_data(data)
        decoder.stop_send_data()

    thread = beside(pass_on)
    images = drain(decoder.recv_image)
    thread.join()
    print(f"{name}: {len(images)} of {images[0].width} x {images[0].height}")


def copy_video(name):
    capture = vsx.VideoCapture(name, vsx.CaptureMode.FULLSPEED_MODE, 0, True)
    writer, count = None, 0
    while True:
        ret, image, attr = capture.read()
        if not ret:
            break
        if writer is None:
            is_avc = "avc1" in attr.codec_info
            codec = vsx.CODEC_TYPE_H264 if is_avc else vsx.CODEC_TYPE_HEVC
            writer = vsx.VideoWriter("copy.mp4", attr.video_fps, codec, 4000000, 30, 0)
        planar = vsx.cvtcolor(image, vsx.ImageFormat.BGR_PLANAR, attr.color_space)
        b, g, r = vsx.as_numpy(planar)
        merged = cv2.merge([b, g, r])
        out = vsx.create_image(
            merged, vsx.ImageFormat.BGR_INTERLEAVE, image.width, image.height, vsx.Context.CPU()
        )
        writer.write(vsx.cvtcolor(out, NV12), attr)
        count += 1
    capture.release()
    writer.release()
    print(f"copied {count} of {codec}", os.path.getsize("copy.mp4") > 0)


vsx.set_device(0)
encode_jpeg(decode_jpeg())
code_video("out.h264", vsx.CODEC_TYPE_H264)
code_video("out.h265", vsx.CodecType.CODEC_TYPE_HEVC)
code_video("out.mjpeg", vsx.CodecType.CODEC_TYPE_JPEG)
copy_video("out.h264")
copy_video("out.h265")
