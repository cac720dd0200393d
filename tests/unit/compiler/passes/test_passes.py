# SPDX-License-Identifier: Apache-2.0
"""Each pass: what it changes, what it leaves alone, and that outputs stay."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from vackit.compiler.passes.append_softmax import AppendSoftmax
from vackit.compiler.passes.base import Pass
from vackit.compiler.passes.cancel_transposes import CancelTransposes
from vackit.compiler.passes.constants_to_initializers import ConstantsToInitializers
from vackit.compiler.passes.conv_to_gemm import ConvToGemm
from vackit.compiler.passes.fold_batch_norm import FoldBatchNorm
from vackit.compiler.passes.fold_constants import FoldConstants
from vackit.compiler.passes.fuse_clip import FuseClip
from vackit.compiler.passes.matmul_to_gemm import MatMulToGemm
from vackit.compiler.passes.mean_to_pool import MeanToPool
from vackit.compiler.passes.remove_dead import RemoveDead
from vackit.compiler.passes.remove_identity import RemoveIdentity
from vackit.errors import ModelError
from vackit.testing import tiny_models

Run = Callable[..., dict[str, Any]]
SHAPE = [1, 3, 8, 8]
IMAGE = np.random.default_rng(0).standard_normal(SHAPE).astype(np.float32)
# float32 rounding after one folded multiplication
TOLERANCE = 1e-5


def _ops(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def _apply(step: Pass, model: onnx.ModelProto, run: Run, changes: int) -> None:
    """Apply ``step``; check the number of changes, the outputs, and that it is done."""
    want = run(model, input=IMAGE)
    assert step.apply(model) == changes
    onnx.checker.check_model(model)
    got = run(model, input=IMAGE)
    assert list(got) == list(want)
    for name, values in want.items():
        np.testing.assert_allclose(got[name], values, atol=TOLERANCE, rtol=TOLERANCE)
    assert step.apply(model) == 0


def _chain(*ops: tuple[str, dict[str, Any]], opset: int = 13) -> onnx.ModelProto:
    build, value = tiny_models.Builder(), "input"
    for index, (op, attributes) in enumerate(ops):
        output = "output" if index == len(ops) - 1 else f"v{index}"
        value = build.add(op, [value], output, **attributes)
    return build.model({"input": SHAPE}, {"output": SHAPE}, opset)


# constants_to_initializers


def _constant(name: str, **value: Any) -> onnx.NodeProto:
    return helper.make_node("Constant", [], [name], name=name, **value)


def test_constants_to_initializers_moves_every_kind(run: Run) -> None:
    model = _chain(("Relu", {}))
    kinds = [
        _constant("t", value=numpy_helper.from_array(np.ones(3, np.float32))),
        _constant("f", value_float=0.5),
        _constant("fs", value_floats=[0.5, 1.0]),
        _constant("i", value_int=3),
        _constant("is", value_ints=[3, 4]),
    ]
    model.graph.node.extend(kinds)
    _apply(ConstantsToInitializers(), model, run, 5)
    found = {t.name: numpy_helper.to_array(t) for t in model.graph.initializer}
    assert found["f"].dtype == np.float32
    assert found["is"].tolist() == [3, 4]
    assert found["i"].dtype == np.int64


def test_constants_to_initializers_leaves_outputs_and_strings(run: Run) -> None:
    model = _chain(("Relu", {}))
    model.graph.node.append(_constant("s", value_string="text"))
    model.graph.node.append(_constant("two", value_float=2.0))
    model.graph.output.append(helper.make_tensor_value_info("two", TensorProto.FLOAT, []))
    _apply(ConstantsToInitializers(), model, run, 0)


# remove_identity


def test_remove_identity_removes_dropout_and_identity_to_the_output(run: Run) -> None:
    model = _chain(("Relu", {}), ("Dropout", {}), ("Sigmoid", {}), ("Identity", {}))
    _apply(RemoveIdentity(), model, run, 2)
    assert _ops(model) == {"Relu": 1, "Sigmoid": 1}


def test_remove_identity_leaves_an_input_joined_to_an_output(run: Run) -> None:
    _apply(RemoveIdentity(), tiny_models.identity(), run, 0)


def test_remove_identity_leaves_two_outputs_of_one_value(run: Run) -> None:
    build = tiny_models.Builder()
    build.add("Relu", ["input"], "output")
    build.add("Identity", ["output"], "twin")
    model = build.model({"input": SHAPE}, {"output": SHAPE, "twin": SHAPE})
    _apply(RemoveIdentity(), model, run, 0)


def test_remove_identity_leaves_training_dropout_and_used_masks() -> None:
    build = tiny_models.Builder()
    ratio = build.weight("ratio", np.array(0.5, np.float32))
    training = build.weight("training", np.array(True))
    build.add("Dropout", ["input", ratio, training], "output")
    build.nodes.append(helper.make_node("Dropout", ["input"], ["d", "mask"], name="masked"))
    build.add("Cast", ["mask"], "kept", to=TensorProto.FLOAT)
    model = build.model({"input": SHAPE}, {"output": SHAPE, "kept": SHAPE})
    assert RemoveIdentity().apply(model) == 0


def test_remove_identity_reaches_into_subgraphs(run: Run) -> None:
    build = tiny_models.Builder()
    build.weight("yes", np.array(True))
    build.add("Identity", ["input"], "same")
    branches = {
        f"{name}_branch": helper.make_graph(
            [helper.make_node("Relu", ["same"], [name])],
            name,
            [],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE)],
        )
        for name in ("then", "else")
    }
    build.add("If", ["yes"], "output", **branches)
    model = build.model({"input": SHAPE}, {"output": SHAPE})
    _apply(RemoveIdentity(), model, run, 1)


# fold_constants


def test_fold_constants_folds_chains(run: Run) -> None:
    build = tiny_models.Builder()
    weight = build.normal("weight", 3, 3, 3, 4)
    build.add("Transpose", [weight], "hwio", perm=[3, 0, 1, 2])
    half = build.weight("half", np.array(0.5, np.float32))
    build.add("Mul", ["hwio", half], "scaled")
    build.add("Conv", ["input", "scaled"], "output", pads=[1] * 4)
    model = build.model({"input": SHAPE}, {"output": [1, 4, 8, 8]})
    _apply(FoldConstants(), model, run, 2)
    assert _ops(model) == {"Conv": 1}


def test_fold_constants_leaves_outputs_and_quantizers(run: Run) -> None:
    build = tiny_models.Builder()
    weight, scale = build.normal("w", 2, 2), build.weight("s", np.array(0.5, np.float32))
    build.add("QuantizeLinear", [weight, scale], "q")
    build.add("DequantizeLinear", ["q", scale], "dq")
    build.add("Relu", ["input"], "output")
    build.add("Neg", [weight], "negative")
    model = build.model({"input": SHAPE}, {"output": SHAPE, "negative": [2, 2], "dq": [2, 2]})
    _apply(FoldConstants(), model, run, 0)


def test_fold_constants_does_not_make_huge_constants(run: Run) -> None:
    build = tiny_models.Builder()
    shape = build.weight("shape", np.array([4096, 8192], np.int64))
    build.add("ConstantOfShape", [shape], "zeros")
    build.add("ReduceMax", ["zeros"], "zero", keepdims=0)
    build.add("Add", ["input", "zero"], "output")
    _apply(FoldConstants(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)


# fold_batch_norm


@pytest.mark.parametrize("opset", [7, 9, 13, 15])
def test_fold_batch_norm_folds_into_the_convolution(run: Run, opset: int) -> None:
    model = tiny_models.conv_bn_relu(batch=1, opset=opset)
    _apply(FoldBatchNorm(), model, run, 1)
    assert _ops(model) == {"Conv": 1, "Relu": 1}


def test_fold_batch_norm_keeps_weights_that_two_convolutions_share(run: Run) -> None:
    build = tiny_models.Builder(seed=9)
    weight = build.normal("weight", 4, 3, 3, 3)
    variance = build.weight("var", build.rng.uniform(0.5, 2, 4).astype(np.float32))
    names = [build.normal(part, 4) for part in ("scale", "bias", "mean")]
    build.add("Conv", ["input", weight], "a")
    build.add("Conv", ["input", weight], "b")
    build.add("BatchNormalization", ["a", *names, variance], "bn")
    build.add("Add", ["bn", "b"], "output")
    model = build.model({"input": SHAPE}, {"output": [1, 4, 6, 6]})
    _apply(FoldBatchNorm(), model, run, 1)


@pytest.mark.parametrize("why", ["read-elsewhere", "output", "training", "no-conv"])
def test_fold_batch_norm_leaves_others_alone(why: str) -> None:
    model = tiny_models.conv_bn_relu(batch=1, opset=15)
    norm = model.graph.node[1]
    if why == "read-elsewhere":
        model.graph.node.append(helper.make_node("Neg", ["conv"], ["also"], name="neg"))
    elif why == "output":
        model.graph.output.append(helper.make_tensor_value_info("conv", TensorProto.FLOAT, None))
    elif why == "training":
        norm.attribute.append(helper.make_attribute("training_mode", 1))
    else:
        norm.input[0] = "input"
    assert FoldBatchNorm().apply(model) == 0


# fuse_clip


@pytest.mark.parametrize("opset", [9, 13])
@pytest.mark.parametrize("turned", [False, True], ids=["relu-first", "bound-first"])
def test_fuse_clip_makes_relu6_of_relu_and_min(run: Run, opset: int, turned: bool) -> None:
    build = tiny_models.Builder()
    six = build.weight("six", np.array([0.6], np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", [six, "relu"] if turned else ["relu", six], "output")
    model = build.model({"input": SHAPE}, {"output": SHAPE}, opset)
    _apply(FuseClip(), model, run, 1)
    assert _ops(model) == {"Clip": 1}


@pytest.mark.parametrize("bound", [[0.5, 0.6, 0.7, 0.8] * 2, [-1.0]], ids=["vector", "negative"])
def test_fuse_clip_leaves_other_minima(run: Run, bound: list[float]) -> None:
    build = tiny_models.Builder()
    limit = build.weight("limit", np.array(bound, np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", ["relu", limit], "output")
    _apply(FuseClip(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)


def test_fuse_clip_leaves_a_relu_that_others_read(run: Run) -> None:
    build = tiny_models.Builder()
    six = build.weight("six", np.array(6, np.float32))
    build.add("Relu", ["input"], "relu")
    build.add("Min", ["relu", six], "min")
    build.add("Add", ["relu", "min"], "output")
    _apply(FuseClip(), build.model({"input": SHAPE}, {"output": SHAPE}), run, 0)


# cancel_transposes


def test_cancel_transposes_bypasses_an_inverse_pair(run: Run) -> None:
    last, first = {"perm": [0, 2, 3, 1]}, {"perm": [0, 3, 1, 2]}
    model = _chain(("Transpose", last), ("Transpose", first), ("Relu", {}))
    _apply(CancelTransposes(), model, run, 1)
    assert RemoveDead().apply(model) == 1
    assert _ops(model) == {"Relu": 1}


def test_cancel_transposes_leaves_other_pairs(run: Run) -> None:
    turn = {"perm": [0, 2, 3, 1]}
    model = _chain(("Transpose", turn), ("Transpose", turn), ("Relu", {}))
    # turned twice by one axis: (1, 3, 8, 8) becomes (1, 8, 3, 8)
    sizes = model.graph.output[0].type.tensor_type.shape.dim
    sizes[1].dim_value, sizes[2].dim_value = 8, 3
    _apply(CancelTransposes(), model, run, 0)


# conv_to_gemm


def _pixel_classifier(bias: bool = True, **attributes: Any) -> onnx.ModelProto:
    build = tiny_models.Builder(seed=10)
    group = attributes.get("group", 1)
    weight = build.normal("weight", 6, 3 // group, 1, 1)
    build.add("GlobalAveragePool", ["input"], "pool")
    names = [build.normal("bias", 6)] if bias else []
    build.add("Conv", ["pool", weight, *names], "conv", **attributes)
    build.add("Flatten", ["conv"], "output", axis=1)
    return build.model({"input": SHAPE}, {"output": [1, 6]})


@pytest.mark.parametrize("bias", [True, False], ids=["bias", "no-bias"])
def test_conv_to_gemm_turns_a_classifier_on_one_pixel(run: Run, bias: bool) -> None:
    model = _pixel_classifier(bias)
    _apply(ConvToGemm(), model, run, 1)
    assert _ops(model) == {"GlobalAveragePool": 1, "Flatten": 1, "Gemm": 1}


def test_conv_to_gemm_leaves_grouped_and_padded_convolutions(run: Run) -> None:
    _apply(ConvToGemm(), _pixel_classifier(group=3), run, 0)
    model = _pixel_classifier(pads=[1] * 4)
    model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 54
    _apply(ConvToGemm(), model, run, 0)


# matmul_to_gemm


def _product(bias_shape: list[int], *, flat: bool = True, swapped: bool = False) -> Any:
    build, random = tiny_models.Builder(), np.random.default_rng(5)
    if flat:
        build.add("Flatten", ["input"], "x", axis=1)
    else:
        build.add("Identity", ["input"], "x")
    size = 192 if flat else 8
    weight = build.weight("w", random.standard_normal((size, 5)).astype(np.float32))
    bias = build.weight("b", random.standard_normal(bias_shape).astype(np.float32))
    build.add("MatMul", ["x", weight], "product")
    build.add("Add", [bias, "product"] if swapped else ["product", bias], "output")
    return build.model({"input": SHAPE}, {"output": [1, 5] if flat else [1, 3, 8, 5]}, 13)


@pytest.mark.parametrize("bias", [[5], [1, 5]], ids=["vector", "row"])
@pytest.mark.parametrize("swapped", [False, True], ids=["after", "before"])
def test_matmul_to_gemm_turns_a_classifier(run: Run, bias: list[int], swapped: bool) -> None:
    model = _product(bias, swapped=swapped)
    _apply(MatMulToGemm(), model, run, 1)
    assert _ops(model) == {"Flatten": 1, "Gemm": 1}
    assert model.graph.node[-1].name == "product_MatMul"


def test_matmul_to_gemm_leaves_what_is_no_matrix_with_a_bias_a_column(run: Run) -> None:
    _apply(MatMulToGemm(), _product([1]), run, 0)
    _apply(MatMulToGemm(), _product([5], flat=False), run, 0)
    also_read = _product([5])
    also_read.graph.output.append(
        helper.make_tensor_value_info("product", TensorProto.FLOAT, [1, 5])
    )
    _apply(MatMulToGemm(), also_read, run, 0)


# mean_to_pool


def _mean(
    axes: list[int] | None = None, keepdims: int = 0, opset: int = 13, flat: bool = False
) -> onnx.ModelProto:
    build = tiny_models.Builder()
    source = build.add("Flatten", ["input"], "flat", axis=2) if flat else "input"
    known: dict[str, Any] = {} if axes is None or opset >= 18 else {"axes": axes}
    given = [build.weight("axes", np.array(axes))] if opset >= 18 and axes is not None else []
    build.add("ReduceMean", [source, *given], "output", keepdims=keepdims, **known)
    rank = 2 if flat else 4
    over = {axis % rank for axis in axes} if axes is not None else set(range(rank))
    sizes = [3, 64] if flat else SHAPE
    left = [1 if axis in over else size for axis, size in enumerate(sizes)]
    shape = left if keepdims else [size for axis, size in enumerate(sizes) if axis not in over]
    return build.model({"input": SHAPE}, {"output": shape}, opset)


@pytest.mark.parametrize("opset", [13, 18])
@pytest.mark.parametrize("axes", [[2, 3], [-1, -2]], ids=["counted", "from-behind"])
def test_mean_to_pool_turns_means_over_a_picture(run: Run, axes: list[int], opset: int) -> None:
    dropped = _mean(axes, keepdims=0, opset=opset)
    _apply(MeanToPool(), dropped, run, 1)
    assert _ops(dropped) == {"GlobalAveragePool": 1, "Flatten": 1}
    kept = _mean(axes, keepdims=1, opset=opset)
    _apply(MeanToPool(), kept, run, 1)
    assert _ops(kept) == {"GlobalAveragePool": 1}
    assert kept.graph.node[0].name == "output_ReduceMean"


def test_mean_to_pool_leaves_means_over_anything_else(run: Run) -> None:
    _apply(MeanToPool(), _mean([1, 2]), run, 0)
    _apply(MeanToPool(), _mean([2]), run, 0)
    _apply(MeanToPool(), _mean(keepdims=1), run, 0)
    _apply(MeanToPool(), _mean([1], flat=True), run, 0)


# remove_dead


def test_remove_dead_keeps_inputs_and_what_subgraphs_read(run: Run) -> None:
    model = _chain(("Relu", {}))
    model.graph.input.append(helper.make_tensor_value_info("unused", TensorProto.FLOAT, [1]))
    model.graph.node.append(helper.make_node("Neg", ["input"], ["nothing"], name="neg"))
    model.graph.initializer.append(numpy_helper.from_array(np.ones(3, np.float32), "alone"))
    assert RemoveDead().apply(model) == 2
    assert _ops(model) == {"Relu": 1}
    assert [value.name for value in model.graph.input] == ["input", "unused"]
    assert not model.graph.initializer


# append_softmax


@pytest.mark.parametrize("opset", [9, 13])
def test_append_softmax_makes_probabilities_under_the_same_name(run: Run, opset: int) -> None:
    build = tiny_models.Builder()
    build.add("Flatten", ["input"], "output", axis=1)
    model = build.model({"input": SHAPE}, {"output": [1, 192]}, opset)
    logits = run(model, input=IMAGE)["output"].astype(np.float64)
    assert AppendSoftmax().apply(model) == 1
    want = np.exp(logits) / np.exp(logits).sum()
    # float32 against float64
    np.testing.assert_allclose(run(model, input=IMAGE)["output"], want, rtol=1e-5)


def test_append_softmax_refuses_a_second_one() -> None:
    with pytest.raises(ModelError, match=r"already ends in Softmax \(node 'output_Softmax'\)"):
        AppendSoftmax().apply(tiny_models.classifier(softmax=True))


def test_append_softmax_refuses_what_are_no_logits() -> None:
    with pytest.raises(ModelError, match=r"output 'output' has \('N', 4, 8, 8\)"):
        AppendSoftmax().apply(tiny_models.conv())
    with pytest.raises(ModelError, match=r"one output, this one has output, features"):
        AppendSoftmax().apply(tiny_models.two_outputs())
