# SPDX-License-Identifier: Apache-2.0
"""Measure a model: instances in threads, each with a queue of calls of its own."""

import time
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread

import numpy as np
import vaststreamx as vsx


class Profiler:
    def __init__(self, models, batch, iterations, queue_size=2):
        self.models, self.batch = models, batch
        self.iterations, self.queue_size = iterations, queue_size
        self.barrier, self.latencies = Barrier(len(models)), []

    def instance(self, model):
        vsx.set_device(model.device_id)
        self.barrier.wait()

        def call(mats):
            vsx.set_device(model.device_id)
            start = time.time()
            model.process(mats)
            self.latencies.append((time.time() - start) * 1e6)

        height, width = model.model.input_shape[0][-2:]
        mats = [np.zeros((height, width, 3), dtype=np.uint8)] * self.batch
        with ThreadPoolExecutor(self.queue_size) as pool:
            list(pool.map(call, [mats] * self.iterations))

    def run(self):
        start = time.time()
        threads = [Thread(target=self.instance, args=(model,)) for model in self.models]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        count = len(self.latencies) * self.batch
        qps = count / (time.time() - start)
        percentiles = " ".join(f"p{p} {np.percentile(self.latencies, p):.0f}" for p in (50, 99))
        return f"samples {count} throughput (qps): {qps:.2f} latency (us): {percentiles}"
