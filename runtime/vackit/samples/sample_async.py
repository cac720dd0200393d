# SPDX-License-Identifier: Apache-2.0
"""Show the asynchronous stream: many callers, futures, batches across them, order.

Several clients submit images at once, as requests of a server come in. The stream puts what
comes within --max_delay_us into one batch, whoever sent it; every future gives back its own
sample's outputs. Writes ``PATH: best I, value V`` an image, in the order of the images.
"""

import argparse
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from vackit.config.vdsp import load_vdsp_params
from vackit.console import whole_number
from vackit.errors import VackitError
from vackit.results.text_result import TextResult
from vackit.samples._common import (
    fingerprint,
    image_graph,
    image_paths,
    load_program,
    sample_parser,
)
from vackit.stream.graph import Graph
from vackit.stream.model_operator import ModelOperator
from vackit.stream.operators import Tensors
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

RESULT_NAME = "async_result.txt"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample; errors are raised as `vackit.errors` for runstream to print."""
    args = _parser().parse_args(argv)
    vdsp = load_vdsp_params(args.vdsp_params_info)
    images = image_paths(args.file_path)
    with load_program(args) as program:
        run = {**provenance(program, vdsp, args.batch), "images_sha256": fingerprint(images)}
        result = TextResult(args.save_dir / RESULT_NAME, run)
        if result.is_complete:
            print(f"{result.path}: {len(images)} images are there already, nothing to do")
            return 0
        result.check_free(force=args.force)
        batches: list[int] = []
        graph = image_graph(program, vdsp)
        graph = Graph(graph.prepare, _Counted(program, batches))
        with Stream(
            graph, workers=2, max_batch=args.batch, max_delay_us=args.max_delay_us
        ) as stream:
            answers = _ask(stream, images, args.clients)
    failed = [answer for answer in answers if answer.error]
    for answer in failed:  # one sample's error reached its caller and stopped no other
        print(f"sample_async.py: {answer.error}", file=sys.stderr)
    if failed:
        return 1
    result.write("".join(answer.line for answer in answers))
    print(
        f"{result.path}: {len(images)} images from {args.clients} clients in {len(batches)} "
        f"batches, the largest of {max(batches)}"
    )
    return 0


@dataclass(frozen=True)
class _Answer:
    line: str = ""
    error: str = ""


class _Counted(ModelOperator):
    """The model, noting how many samples it executes together."""

    def __init__(self, program: Any, batches: list[int]) -> None:
        super().__init__(program)
        self._batches = batches

    def __call__(self, batch: Sequence[Tensors]) -> list[Tensors]:
        self._batches.append(len(batch))
        return super().__call__(batch)


def _ask(stream: Stream, images: Sequence[Path], clients: int) -> list[_Answer]:
    """Let each client submit its images; return the answers in the order of the images."""

    def request(path: Path) -> _Answer:
        # submit returns at once with a future; this client has nothing else to do meanwhile
        future = stream.submit(path)
        try:
            return _Answer(line=_line(path, future.result()[0]))
        except VackitError as error:
            return _Answer(error=str(error))

    with ThreadPoolExecutor(clients) as pool:
        return list(pool.map(request, images))


def _line(path: Path, output: NDArray[Any]) -> str:
    best = int(output.argmax())
    return f"{path}: best {best}, value {float(output.flat[best]):.6f}\n"


def _parser() -> argparse.ArgumentParser:
    parser = sample_parser("sample_async.py", "Run images from many callers in shared batches.")
    add = parser.add_argument
    add("--clients", type=whole_number(1), default=8, help="threads that submit (8)")
    add(
        "--max_delay_us", type=whole_number(0), default=2000,
        help="how long a batch waits for more samples (2000)",
    )  # fmt: skip
    return parser


if __name__ == "__main__":
    sys.exit(main())
