# SPDX-License-Identifier: Apache-2.0
"""Programs in the style published in 2023, as text."""

CLASSIFICATION = """
import argparse
import ctypes
import json
import os
import threading

import cv2
import numpy as np
import vacl_stream
import vaststream


class Classification:
    def __init__(self, device_id, vdsp_params_info, model_info, balance_mode=0, batch_size=1):
        self.device_id = device_id
        self.vs = vaststream.vast_stream()
        self.lock = threading.Lock()
        self.input_id = 0
        self.events = {}
        self.results = {}
        with open(model_info) as f:
            info = json.load(f)
        self.cb = vaststream.output_callback_type(self.on_output)
        self.stream = vacl_stream.create_vaststream(
            device_id, vdsp_params_info, info, self.cb, balance_mode, batch_size
        )

    def on_output(self, output_description, ulOutPointerArray, ulArraySize, user_data_ptr):
        input_id = output_description.contents.input_id
        stream_info = ctypes.cast(
            user_data_ptr, ctypes.POINTER(vacl_stream.StreamInfo)
        ).contents
        out = self.vs.stream_get_stream_output(
            stream_info.model_name, ulOutPointerArray, ulArraySize
        )
        ddr, event = self.events[input_id]
        assert self.vs.free_data_on_device(ddr, self.device_id) == 0
        self.results[input_id] = np.squeeze(out[0])
        event.set()

    def submit(self, path):
        image = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        height, width = image.shape[:2]
        image = np.ascontiguousarray(image.transpose(2, 0, 1))
        ddr = self.stream.copy_data_to_device(image, image.nbytes)
        with self.lock:
            input_id = self.input_id
            self.input_id += 1
        self.events[input_id] = (ddr, threading.Event())
        self.stream.run_stream_dynamic([ddr], (height, width), input_id)
        return input_id

    def result(self, input_id):
        self.events[input_id][1].wait()
        del self.events[input_id]
        return self.results.pop(input_id)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--file_path")
    parser.add_argument("--model_info")
    parser.add_argument("--vdsp_params_info")
    parser.add_argument("--label_txt")
    parser.add_argument("--device_id", type=int, default=0)
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--sync", action="store_true")
    parser.add_argument("--save", default="")
    args = parser.parse_args()
    with open(args.label_txt) as f:
        labels = [line.strip() for line in f]
    model = Classification(
        args.device_id, args.vdsp_params_info, args.model_info, 0, args.batch
    )
    files = sorted(os.path.join(args.file_path, n) for n in os.listdir(args.file_path))
    if args.sync:
        outs = [model.result(model.submit(f)) for f in files]
    else:
        outs = [model.result(i) for i in [model.submit(f) for f in files]]
    for f, out in zip(files, outs):
        order = np.argsort(out)[::-1][:5]
        for rank, index in enumerate(order):
            print(f"{f}: Relay top-{rank} id: {index}, prob: {out[index]:.8f}, "
                  f"class name: {labels[index]}")
    if args.save:
        np.savez(args.save, *outs)
"""

DETECTION = """
import ctypes
import json
import sys
import threading
from queue import Queue

import cv2
import numpy as np
import vacl_stream
import vaststream

vdsp, info_path, picture = sys.argv[1:4]
with open(info_path) as f:
    model_info = json.load(f)
with open(vdsp) as f:
    size = json.load(f)["oimage_width"]
vs = vaststream.vast_stream()
results = Queue()


def callback(output_description, ulOutPointerArray, ulArraySize, user_data_ptr):
    info = ctypes.cast(user_data_ptr, ctypes.POINTER(vacl_stream.StreamInfo)).contents
    _, shape = vs.get_output_shape_by_index(info.model_name, 0)
    shape = [shape.shapes[i] for i in range(shape.ndims)]
    out = vs.stream_get_stream_output(info.model_name, ulOutPointerArray, ulArraySize)
    results.put((output_description.contents.input_id, shape, out))


cb = vaststream.output_callback_type(callback)
stream = vacl_stream.create_vaststream(
    0, vdsp, model_info, cb, 0, 1, yolo_size=size
)
image = cv2.cvtColor(cv2.imread(picture), cv2.COLOR_BGR2RGB)
image = np.ascontiguousarray(image.transpose(2, 0, 1))
ddr = stream.copy_data_to_device(image, image.nbytes)
stream.dynamic([ddr], image.shape[1:], 5)
input_id, shape, out = results.get()
vs.free_data_on_device(ddr, 0)
ids, scores, boxes = out[0][0], out[0][1], out[0][2]
boxes = boxes.reshape(len(boxes) // 4, 4)
for i in range(len(ids)):
    if ids[i] < 0:
        break
    print(input_id, shape, int(ids[i]), f"{scores[i]:.2f}", boxes[i].tolist())
"""

BERT = """
import ctypes
import sys
from threading import Event

import numpy as np
from vaststream import *
from vacl_stream import VaclStream


class StreamInfo(ctypes.Structure):
    _fields_ = [
        ("stream_id", ctypes.c_uint32),
        ("device_id", ctypes.c_uint32),
        ("model_op_context", ctypes.c_uint32),
        ("model_name", ctypes.c_wchar_p),
    ]


class Bert:
    def __init__(self, prefix, device_id=0, batch_size=1):
        self.name = "bert"
        self.device_id = device_id
        self.vs = VaclStream()
        self.helper = vast_stream()
        self.vs.init(device_id)
        context, self.stream_id = self.vs.create_stream(device_id, 0)
        if self.stream_id == 0:
            raise ValueError("create_stream")
        op = self.vs.create_stream_op(self.stream_id, 20001)
        self.vs.invoke_stream_op(op, context)
        ret = self.vs.register_static_model(
            self.name, prefix + ".so", prefix + ".json", prefix + ".params", device_id, "",
            batch_size,
        )
        if ret:
            raise ValueError("register_static_model")
        model_context = self.vs.invoke_run_model_op(self.stream_id, op, self.name)
        self.vs.build_stream(self.stream_id)
        self.info = StreamInfo(self.stream_id, device_id, model_context, self.name)
        self.cb = output_callback_type(self.callback)
        self.vs.subscribe_device_report(
            self.stream_id, self.cb, cast(ctypes.pointer(self.info), c_void_p)
        )
        self.event = Event()
        self.features = {}

    def callback(self, output_description, ulOutPointerArray, ulArraySize, user_data_ptr):
        name = cast(user_data_ptr, POINTER(StreamInfo)).contents.model_name
        outs = []
        for j in range(self.vs.get_output_num_per_batch(name)):
            size = self.vs.get_output_size_by_index(name, j)
            host = np.zeros(size // 2, dtype=np.float16)
            self.vs.get_model_output(
                name, j, c_uint64(ulOutPointerArray[j]), c_void_p(host.ctypes.data)
            )
            outs.append(host)
        self.features[output_description.contents.input_id] = outs
        self.event.set()

    def run(self, inputs, input_id):
        addrs = [
            self.vs.copy_data_to_device(x.ctypes.data_as(c_void_p), x.nbytes, self.device_id)
            for x in inputs
        ]
        self.event.clear()
        self.vs.run_stream(self.stream_id, input_id, (c_uint64 * len(addrs))(*addrs), len(addrs))
        self.event.wait()
        for addr in addrs:
            self.vs.free_data_on_device(addr, self.device_id)
        return self.features.pop(input_id)


model = Bert(sys.argv[1])
ids = np.zeros((1, 8), np.int32)
ids[0, :3] = [101, 7592, 102]
mask = (ids > 0).astype(np.int32)
zeros = np.zeros_like(ids)
print([out.tolist() for out in model.run([ids, zeros, mask, mask, mask, mask], 4)])
"""

OUTLINE = """
import ctypes, sys, threading
import numpy as np
import vacl_stream, vaststream

vs = vaststream.vast_stream()
image = np.zeros((3, 20, 30), np.uint8)


def start(function):
    info = {{"model_name": "named", "model_dynamic_json": "deploy/named_module_info.json"}}
    kept_by_nobody = vaststream.output_callback_type(function)
    return vacl_stream.create_vaststream(0, "crop.json", info, kept_by_nobody, 0, 1)


def submit(stream, input_id):
    ddr = stream.copy_data_to_device(image, image.nbytes)
    stream.run_stream_dynamic([np.uint64(ddr)], image.shape[1:], input_id)

{body}
"""

NO_WAIT = """
def callback(output_description, ulOutPointerArray, ulArraySize, user_data_ptr):
    info = ctypes.cast(user_data_ptr, ctypes.POINTER(vacl_stream.StreamInfo)).contents
    out = vs.stream_get_stream_output(info.model_name, ulOutPointerArray, ulArraySize)
    print(output_description.contents.input_id, info.model_name, [len(out), len(out[0][0])])


def main():
    stream = start(callback)
    for i in range(40):
        submit(stream, i)


main()
sys.exit(3)
"""

LOST_IN_A_THREAD = """
events = {0: threading.Event()}


def callback(output_description, ulOutPointerArray, ulArraySize, user_data_ptr):
    events[output_description.contents.input_id].set()


def work(i):
    submit(stream, i)
    events.get(i, threading.Event()).wait()
    print("got", i)


stream = start(callback)
threads = [threading.Thread(target=work, args=(i,)) for i in range(2)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
