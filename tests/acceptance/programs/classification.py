# SPDX-License-Identifier: Apache-2.0
"""Classification with a tap of the preprocessing; a consumer thread always waits."""

import argparse
import queue
import threading

import cv2
import numpy as np
import vaststreamx as vsx

attr = vsx.AttrKey


class Classification:
    def __init__(self, prefix, vdsp_params, batch_size=1, device_id=0, mode=0):
        self.device = vsx.set_device(device_id)
        self.attr = vsx.AttrKey
        self.model = vsx.Model(prefix, batch_size)
        self.infer_op = vsx.ModelOperator(self.model)
        self.ops = vsx.Operator.load_ops_from_json_file(vdsp_params)
        self.fusion_op = self.ops[0].cast_to_buildin_operator()
        self.graph = vsx.Graph(do_copy=True)
        self.graph.add_operators(*self.ops, self.infer_op)
        modes = {0: vsx.StreamBalanceMode.ONCE, 1: vsx.StreamBalanceMode.RUN}
        self.stream = vsx.Stream(self.graph, modes[mode])
        _, c, h, w = self.model.input_shape[0]
        info = [[(c, h, w), vsx.TypeFlag.FLOAT16]]
        self.stream.register_operator_output("preprocess_res", self.ops[0], info)
        self.stream.register_operator_output(self.infer_op)
        self.stream.build()
        self.current, self.events, self.results = 0, {}, {}
        self.waiting = queue.Queue()
        self.consumer = threading.Thread(target=self.receive)
        self.consumer.start()

    def receive(self):
        while True:
            try:
                result = self.stream.get_operator_output(self.infer_op)
            except ValueError:
                break
            tap = self.stream.get_operator_output("preprocess_res")
            input_id = self.waiting.get()
            self.results[input_id] = (vsx.as_numpy(result[0][0])[0], vsx.as_numpy(tap[0][0]))
            self.events[input_id].set()

    def load(self, path):
        rgb = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        height, width = rgb.shape[:2]
        self.fusion_op.set_attribute(
            {
                self.attr.IIMAGE_WIDTH: width,
                self.attr.IIMAGE_HEIGHT: height,
                self.attr.IIMAGE_WIDTH_PITCH: width,
                self.attr.IIMAGE_HEIGHT_PITCH: height,
            }
        )
        chw = np.ascontiguousarray(rgb.transpose(2, 0, 1))
        return vsx.create_image(chw, vsx.ImageFormat.RGB_PLANAR, width, height, self.device)

    def run_sync(self, path):
        return vsx.as_numpy(self.stream.run_sync([self.load(path)])[0][0])[0], None

    def run_async(self, path):
        input_id, self.current = self.current, self.current + 1
        self.events[input_id] = threading.Event()
        self.waiting.put(input_id)
        self.stream.run_async([self.load(path)])
        return input_id

    def finish(self):
        self.stream.close_input()
        self.stream.wait_until_done()
        self.consumer.join()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--model_prefix_path")
    parser.add_argument("--vdsp_params_info")
    parser.add_argument("--mode")
    parser.add_argument("files", nargs="+")
    args = parser.parse_args()
    classifier = Classification(args.model_prefix_path, args.vdsp_params_info)
    ids = {}
    if args.mode == "async":
        ids = {path: classifier.run_async(path) for path in args.files}
    for path in args.files:
        if args.mode == "async":
            classifier.events[ids[path]].wait()
            scores, tap = classifier.results[ids[path]]
            described = f"{tap.shape} {tap.dtype}"
        else:
            scores, _ = classifier.run_sync(path)
            described = "(3, 8, 8) float16"
        print(f"{path}: top-0 {np.argmax(scores)} preprocess {described}")
    classifier.finish()
