# SPDX-License-Identifier: Apache-2.0
"""A sample three folders below its common modules: sync, async, profiled, in processes."""

import argparse
import multiprocessing
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import cv2
import numpy as np

current_file_path = os.path.dirname(os.path.abspath(__file__))
sys.path.append(os.path.join(current_file_path, "../.."))

from common.resnet import Resnet, ResnetAsync


def argument_parser():
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", "--model_prefix", default="deploy/mod")
    parser.add_argument("--hw_config", default="")
    parser.add_argument("--vdsp_params", default="vdsp.json")
    parser.add_argument("-d", "--device_id", default=0, type=int)
    parser.add_argument("input_files", nargs="+")
    return parser.parse_args()


def in_process(model_prefix, vdsp_params, path):
    return Resnet(model_prefix, vdsp_params).process(cv2.imread(path))[0].tolist()


def profile(args):
    import vaststreamx as vsx

    def drive(model):
        vsx.set_device(0)
        with ThreadPoolExecutor(2) as pool:
            runs = [pool.submit(model.process, model.get_test_data(2)) for _ in range(50)]
            return sum(len(run.result()) for run in runs)

    models = [Resnet(args.model_prefix, args.vdsp_params, 2) for _ in range(2)]
    with ThreadPoolExecutor(2) as pool:
        return sum(pool.map(drive, models))


if __name__ == "__main__":
    args = argument_parser()
    setup = (args.model_prefix, args.vdsp_params, 2, args.device_id, args.hw_config)
    images = [cv2.imread(path) for path in args.input_files]
    model = Resnet(*setup)
    scores = [model.process(image)[0] for image in images]
    index = int(np.argmax(scores[0][0]))
    print("Top5:", scores[0].shape, scores[0].dtype, scores[0][0, index] == scores[0].max())
    together = model.process(images)
    print("together", all(np.array_equal(a, b[0]) for a, b in zip(scores, together)))
    later = ResnetAsync(*setup)
    for image in images:
        assert later.process(image) is None
    later.close()
    print("async", all(np.array_equal(a, b[0]) for a, b in zip(scores, later.results)))
    print("profiled", profile(args))
    for method in ("spawn", "fork"):
        with multiprocessing.get_context(method).Pool(1) as pool:
            job = (args.model_prefix, args.vdsp_params, args.input_files[0])
            print(method, pool.apply(in_process, job) == scores[0].tolist())
