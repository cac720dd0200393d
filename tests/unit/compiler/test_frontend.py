# SPDX-License-Identifier: Apache-2.0
import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.frontend import read_model, read_onnx
from vackit.compiler.graph import set_nodes
from vackit.config.build import BuildConfig, Frontend
from vackit.errors import ModelError
from vackit.testing import tiny_models

MakeConfig = Callable[..., BuildConfig]


def _with_external_data(folder: Path) -> Path:
    path = folder / "model.onnx"
    onnx.save_model(
        tiny_models.conv(), path, save_as_external_data=True, location="w.bin", size_threshold=0
    )
    return path


def _point_to(path: Path, location: str) -> None:
    model = onnx.load(path, load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        if entry.key == "location":
            entry.value = location
    path.write_bytes(model.SerializeToString())


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("pytorch", "torch.onnx.export"),
        ("paddle", "paddle2onnx"),
        ("keras", "tf2onnx"),
        ("tensorflow", "tf2onnx"),
        ("darknet", "darknet2onnx"),
        ("mxnet", "export it to ONNX"),
    ],
    ids=lambda value: str(value),
)
def test_read_model_says_how_to_export_when_the_type_is_not_onnx(
    make_config: MakeConfig, kind: str, advice: str
) -> None:
    config = make_config(None)
    config = dataclasses.replace(config, frontend=Frontend(kind, Path("x.pth"), {}))
    with pytest.raises(ModelError, match=f"frontend.type is '{kind}'") as caught:
        read_model(config)
    assert advice in caught.value.hint


def test_read_model_believes_the_suffix_of_an_onnx_file(
    make_config: MakeConfig, caplog: pytest.LogCaptureFixture
) -> None:
    config = make_config(tiny_models.conv())
    config = dataclasses.replace(
        config, frontend=dataclasses.replace(config.frontend, type="pytorch")
    )
    assert read_model(config).graph.node[0].op_type == "Conv"
    assert "frontend.type is 'pytorch', taken as onnx as " in caplog.text


def test_read_onnx_takes_outputs_of_unknown_shape(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.graph.output[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "m.onnx")
    output = read_onnx(tmp_path / "m.onnx").graph.output[0]
    assert not output.type.tensor_type.HasField("shape")


def test_read_onnx_takes_inputs_of_unknown_shape(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.graph.input[0].type.tensor_type.ClearField("shape")
    onnx.save(model, tmp_path / "x.onnx")
    read = read_onnx(tmp_path / "x.onnx")
    assert not read.graph.input[0].type.tensor_type.HasField("shape")


def test_read_model_asks_for_a_checkpoint_when_none_is_named(make_config: MakeConfig) -> None:
    with pytest.raises(ModelError, match="names no model"):
        read_model(make_config(None))


@pytest.mark.parametrize(
    ("content", "fact"),
    [
        (b"", "the file is empty"),
        (b"\xff" * 64, "64 bytes do not parse"),
        (b"name: resnet50\n", "do not parse|no opset or no outputs"),
    ],
    ids=["empty", "binary", "text"],
)
def test_read_onnx_names_the_file_when_it_is_no_model(
    tmp_path: Path, content: bytes, fact: str
) -> None:
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=fact) as caught:
        read_onnx(path)
    assert caught.value.where == str(path)


def test_read_onnx_refuses_a_truncated_file(tmp_path: Path) -> None:
    path = tmp_path / "m.onnx"
    data = tiny_models.classifier().SerializeToString()
    for length in (len(data) // 3, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(ModelError, match=r"do not parse|no opset|checker"):
            read_onnx(path)


def test_read_onnx_knows_the_pointer_that_git_leaves(tmp_path: Path) -> None:
    text = "version https://git-lfs.github.com/spec/v1\noid sha256:6d5f\nsize 102442450\n"
    (tmp_path / "m.onnx").write_text(text)
    with pytest.raises(ModelError, match="not a complete ONNX model") as caught:
        read_onnx(tmp_path / "m.onnx")
    assert "git lfs pull" in caught.value.hint


def test_read_onnx_names_the_models_that_are_there_when_the_file_is_missing(
    tmp_path: Path,
) -> None:
    (tmp_path / "other.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match=r"no such file\n  hint: that folder holds other.onnx"):
        read_onnx(tmp_path / "model.onnx")
    with pytest.raises(ModelError, match="this is a folder"):
        read_onnx(tmp_path)


def test_read_onnx_refuses_opsets_before_3(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.opset_import[0].version = 2
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="uses opset 2; opsets from 3"):
        read_onnx(tmp_path / "m.onnx")


def test_read_onnx_refuses_what_the_checker_refuses(tmp_path: Path) -> None:
    model = tiny_models.conv()
    model.graph.node[0].input[0] = "nowhere"
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="ONNX's own checker"):
        read_onnx(tmp_path / "m.onnx")


def test_read_onnx_sorts_nodes_that_stand_before_their_inputs(tmp_path: Path) -> None:
    model = tiny_models.residual()
    sorted_nodes = [node.name for node in model.graph.node]
    set_nodes(model.graph, list(model.graph.node)[::-1])
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    names = [node.name for node in read_onnx(path).graph.node]
    assert sorted(names) == sorted(sorted_nodes)
    assert names != sorted_nodes[::-1]


def test_read_onnx_refuses_a_graph_that_goes_round(tmp_path: Path) -> None:
    build = tiny_models.Builder()
    build.add("Add", ["input", "second"], "first")
    build.add("Relu", ["first"], "second")
    model = helper.make_model(
        helper.make_graph(
            build.nodes,
            "circle",
            [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info("second", TensorProto.FLOAT, [1])],
        )
    )
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="not a model by ONNX's own checker"):
        read_onnx(path)


def test_read_onnx_refuses_inputs_that_are_no_tensors(tmp_path: Path) -> None:
    model = tiny_models.conv()
    sequence = helper.make_tensor_sequence_value_info("many", TensorProto.FLOAT, None)
    model.graph.input.append(sequence)
    onnx.save(model, tmp_path / "m.onnx")
    with pytest.raises(ModelError, match="'many' is not a tensor"):
        read_onnx(tmp_path / "m.onnx")


def test_read_onnx_takes_weights_from_beside_the_model(tmp_path: Path) -> None:
    read = read_onnx(_with_external_data(tmp_path))
    want = tiny_models.conv().graph.initializer
    for got, expected in zip(read.graph.initializer, want, strict=True):
        assert np.array_equal(numpy_helper.to_array(got), numpy_helper.to_array(expected))


@pytest.mark.parametrize("location", ["../w.bin", "/etc/hostname", ""], ids=["up", "root", "none"])
def test_read_onnx_reads_no_weights_outside_the_folder(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = _with_external_data(folder)
    (tmp_path / "w.bin").write_bytes((folder / "w.bin").read_bytes())
    _point_to(path, location)
    with pytest.raises(ModelError, match="point outside the model's folder"):
        read_onnx(path)


def test_read_onnx_follows_no_link_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    path = _with_external_data(folder)
    (folder / "w.bin").rename(tmp_path / "w.bin")
    (folder / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelError, match="point outside the model's folder"):
        read_onnx(path)


def test_read_onnx_names_missing_and_short_weights(tmp_path: Path) -> None:
    path = _with_external_data(tmp_path)
    data = (tmp_path / "w.bin").read_bytes()
    (tmp_path / "w.bin").write_bytes(data[:100])
    with pytest.raises(ModelError, match=r"'w\.bin' holds 100 bytes; 'output\.weight' needs 432"):
        read_onnx(path)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match=r"no file 'w\.bin' beside the model"):
        read_onnx(path)


def test_read_onnx_makes_listed_initializers_weights_again(tmp_path: Path) -> None:
    model = tiny_models.conv(opset=9)
    model.ir_version = 3
    for tensor in model.graph.initializer:
        model.graph.input.append(
            helper.make_tensor_value_info(tensor.name, TensorProto.FLOAT, list(tensor.dims))
        )
    onnx.save(model, tmp_path / "m.onnx")
    assert [value.name for value in read_onnx(tmp_path / "m.onnx").graph.input] == ["input"]


def test_read_onnx_names_every_node_once(tmp_path: Path) -> None:
    model = tiny_models.residual()
    for node in model.graph.node:
        node.name = "" if node.op_type == "Relu" else "same"
    onnx.save(model, tmp_path / "m.onnx")
    names = [node.name for node in read_onnx(tmp_path / "m.onnx").graph.node]
    assert len(set(names)) == len(names)
    assert all(names)
