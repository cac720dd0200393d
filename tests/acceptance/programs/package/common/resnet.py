# SPDX-License-Identifier: Apache-2.0
"""A classifier that resizes by the short edge and crops the middle, image by image."""

import threading

import numpy as np
import vaststreamx as vsx

from .model_base import ModelBase


class Resnet(ModelBase):
    def process(self, given):
        if isinstance(given, list):
            if isinstance(given[0], np.ndarray):
                given = [self.image_of(one) for one in given]
            return self.process_impl(given)
        return self.process([given])[0]

    def process_impl(self, images):
        params = {"crop_resize_ext": [self.crop_resize(image) for image in images]}
        return self.post_process(self.stream_.run_sync(images, params))

    def crop_resize(self, image, short=10):
        width, height = image.width, image.height
        if width > height:
            size = (short * width // height, short)
        else:
            size = (short, short * height // width)
        h, w = self.input_shape[0][-2:]
        return ((size[0] - w + 1) // 2, (size[1] - h + 1) // 2, *size)

    @staticmethod
    def post_process(outputs):
        return [[vsx.as_numpy(one).astype(np.float32) for one in sample] for sample in outputs]


class ResnetAsync(Resnet):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.results = []
        self.consume_thread = threading.Thread(target=self.consume)
        self.consume_thread.start()

    def consume(self):
        vsx.set_device(self.device_id_)
        while True:
            try:
                result = self.stream_.get_operator_output(self.model_op_)
                if result is not None:
                    self.results += self.post_process(result)
            except ValueError:
                break

    def process_impl(self, images):
        params = {"crop_resize_ext": [self.crop_resize(image) for image in images]}
        self.stream_.run_async(images, params)
        return [None] * len(images)

    def close(self):
        self.stream_.close_input()
        self.consume_thread.join()
        self.stream_.wait_until_done()
