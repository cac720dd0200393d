# SPDX-License-Identifier: Apache-2.0
"""The text sample: which array goes where, and its refusals."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from vackit.compiler.pipeline import build
from vackit.config.build import Backend, BuildConfig, Frontend, Quantize
from vackit.data.npz import read_npz, write_npz
from vackit.errors import DataError, StreamError
from vackit.samples.sample_nlp import main

IDS, TYPES, MASK = ([[7, 8]], [[0, 1]], [[1, 0]])
FLAGS = ["--file_path", "tokens", "--model_prefix_path", "deploy/text/mod", "--save_dir", "out"]


def compile_text(*names: str) -> None:
    """Compile a model that returns its integer inputs one behind the other, as floats."""
    cast = [helper.make_node("Cast", [n], [f"{n}_f"], to=1, name=n) for n in names]
    joined = helper.make_node("Concat", [f"{n}_f" for n in names], ["output"], axis=1, name="join")
    graph = helper.make_graph(
        [*cast, joined],
        "text",
        [helper.make_tensor_value_info(name, TensorProto.INT64, ["N", 2]) for name in names],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, ["N", 2 * len(names)])],
    )
    opsets = [helper.make_opsetid("", 13)]
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), "model.onnx")
    frontend = Frontend("onnx", Path("model.onnx"), {})
    backend = Backend("tvm_vacc", "fp32", Quantize())
    build(BuildConfig("text", "current", frontend, backend, None, None, Path("deploy")))


def write_tokens(*arrays: object, name: str = "a") -> None:
    values = {f"input_{i}": np.array(array, np.int32) for i, array in enumerate(arrays)}
    write_npz(Path(f"tokens/{name}.npz"), values)


def output(index: int = 0) -> list[float]:
    values: list[float] = read_npz(Path(f"out/output_{index:06}.npz"))["output_0"][0].tolist()
    return values


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("tokens").mkdir()


@pytest.mark.parametrize(
    "given", [(IDS, TYPES, MASK), (IDS, TYPES, MASK, MASK, MASK, MASK), (IDS, MASK, TYPES)],
    ids=["three", "six", "mask first"],
)  # fmt: skip
@pytest.mark.parametrize(
    "names",
    [("input_ids", "attention_mask", "token_type_ids"), ("ids", "segment_ids", "input_mask")],
    ids=["mask types", "types mask"],
)
def test_token_tensors_go_to_the_inputs_of_their_names(
    given: tuple[object, ...], names: tuple[str, ...]
) -> None:
    compile_text(*names)
    write_tokens(*given)
    assert main(FLAGS) == 0
    wanted = [7, 8, 1, 0, 0, 1] if "mask" in names[1] else [7, 8, 0, 1, 1, 0]
    assert output() == wanted


def test_a_model_may_take_the_ids_alone() -> None:
    compile_text("input_ids")
    write_tokens(IDS, TYPES, MASK)
    main(FLAGS)
    assert output() == [7, 8]


def test_inputs_of_other_numbers_are_taken_as_they_are() -> None:
    compile_text("one", "two")
    write_tokens([[1, 2]], [[3, 4]])
    main(FLAGS)
    assert output() == [1, 2, 3, 4]


def test_a_wrong_number_of_inputs_is_refused() -> None:
    compile_text("one", "two")
    write_tokens([[1, 2]])
    with pytest.raises(StreamError, match=r"tokens/a\.npz: the model takes 2 inputs .*, got 1"):
        main(FLAGS)


def test_a_datalist_names_the_files() -> None:
    compile_text("input_ids")
    for number in range(3):
        write_tokens([[number, 0]], name=str(number))
    Path("list.txt").write_text("tokens/2.npz\ntokens/0.npz\n")
    main(["--file_path", "list.txt", *FLAGS[2:], "--batch", "2"])
    assert [output(i)[0] for i in range(2)] == [2, 0]


def test_running_twice_is_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    compile_text("input_ids")
    write_tokens(IDS)
    main(FLAGS)
    assert main(FLAGS) == 0
    assert capsys.readouterr().out.endswith("out: 1 outputs, 0 of them new\n")


def test_params_of_an_image_operator_are_refused() -> None:
    compile_text("input_ids")
    write_tokens(IDS)
    Path("vdsp.json").write_text(
        '{"OpType": "FUSION_OP_RGB_CVTCOLOR_NORM_TENSOR", "OpConfig": {"NormaType": "DIV255",'
        ' "IimageFormat": "RGB_PLANAR", "ColorCvtCode": "NO_CHANGE"}}'
    )
    message = r"vdsp\.json: OpType is FUSION_OP_RGB_CVTCOLOR.*takes BERT_EMBEDDING_OP"
    with pytest.raises(StreamError, match=message):
        main([*FLAGS, "--vdsp_params_info", "vdsp.json"])


def test_a_missing_file_is_named() -> None:
    compile_text("input_ids")
    with pytest.raises(DataError, match=r"none\.npz"):
        main(["--file_path", "none.npz", *FLAGS[2:]])


def test_a_model_must_be_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--file_path", "tokens"])
    assert "one of the arguments --model_info --model_prefix_path is required" in (
        capsys.readouterr().err
    )
