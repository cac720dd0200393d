# SPDX-License-Identifier: Apache-2.0
"""Run a text model on tokens.

Takes npz files with ``input_0``, ``input_1``, ...: a model's inputs in its order, or the
three or six int32 token tensors of BERT-style programs (ids, types, mask; the mask three
times more). Writes ``output_NNNNNN.npz`` and ``vackit_results.json`` into --save_dir, as
vamp does.
"""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from vackit.config.vdsp import load_vdsp_params
from vackit.console import progress
from vackit.data.datalist import read_datalist
from vackit.data.listing import list_images
from vackit.data.tokens import read_model_inputs
from vackit.errors import StreamError
from vackit.results.writer import ResultsWriter
from vackit.samples._common import load_program, sample_parser
from vackit.stream.graph import make_graph
from vackit.stream.outputs import as_float16
from vackit.stream.provenance import provenance
from vackit.stream.stream import Stream

_TAKES = "an npz file, a folder of them, or a datalist (.txt)"
_EMBEDDING = "BERT_EMBEDDING_OP"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the sample; errors are raised as `vackit.errors` for runstream to print."""
    parser = sample_parser("sample_nlp.py", "Run a text model on tokens.", takes=_TAKES)
    args = parser.parse_args(argv)
    _check_operator(args.vdsp_params_info)
    files = _files(args.file_path)
    with load_program(args) as program:
        run = provenance(program, None, args.batch)
        varies = any(spec.is_dynamic for spec in program.outputs)
        writer = ResultsWriter(args.save_dir, files, run, force=args.force, sizes_vary=varies)
        pending = list(writer.pending)
        graph = make_graph(program).after(partial(read_model_inputs, specs=program.inputs), str)
        with Stream(graph, workers=2, max_batch=args.batch, max_delay_us=None) as stream:
            outputs = zip(pending, stream.map(files[i] for i in pending), strict=True)
            for index, arrays in progress(outputs, "sample_nlp", len(pending)):
                writer.write(index, [as_float16(each, str(files[index])) for each in arrays])
        writer.finish()
    print(f"{args.save_dir}: {len(files)} outputs, {len(pending)} of them new")
    return 0


def _check_operator(path: Path | None) -> None:
    """Refuse params of an image operator; those of text models say only their name."""
    if path is not None and (name := load_vdsp_params(path).op_type) != _EMBEDDING:
        raise StreamError(f"OpType is {name}, a text model takes {_EMBEDDING}", where=path)


def _files(path: Path) -> list[Path]:
    if path.suffix == ".txt":
        return [entry.path for entry in read_datalist(path)]
    return list_images(path, "npz") if path.is_dir() else [path]


if __name__ == "__main__":
    sys.exit(main())
