# SPDX-License-Identifier: Apache-2.0
from pathlib import Path

import pytest
from tests.config_files import HEAD, dataset, write_yaml

from vackit.config.build import (
    Backend,
    BuildConfig,
    CenterCrop,
    ChannelSplit,
    CustomFunc,
    CvtColor,
    Dataset,
    DecodeImage,
    ExtraOps,
    Frontend,
    Normalize,
    Pad,
    Quantize,
    Resize,
    ToTensor,
    check_build_config,
    load_build_config,
)
from vackit.errors import ConfigError

VALID = Path(__file__).resolve().parents[2] / "examples" / "valid"


def test_load_build_config_reads_every_key_of_the_current_form() -> None:
    path = VALID / "build_current.yaml"
    config = load_build_config(path)
    assert config == BuildConfig(
        name="every_key_int8",
        generation="current",
        frontend=Frontend(
            type="onnx",
            checkpoint=VALID / "models/model.onnx",
            shape={"input.1": (1, 3, 64, 96), "0": (1, 77)},
        ),
        backend=Backend(
            type="tvm_vacc",
            dtype="int8",
            quantize=Quantize(
                calibrate_mode="percentile",
                quantize_per_channel=False,
                calibrate_range=0.9999,
                skip_conv_layers=(0, 2),
                exclude_layers=("conv_7",),
                reduce_range=True,
                skip_matmul_layers=(1,),
                ops_usingfp=("concatenate",),
                extras={"overflow_adaptive": 1},
            ),
            compile={"cluster_mode": 0, "data_transport_mode": 3, "output_layout": ["0:YX"]},
        ),
        extra_ops=ExtraOps("yolov5_nms", {"num_classes": 80, "nms_threshold": 0.65}),
        dataset=Dataset(
            path=Path("/data/images"),
            suffix="JPEG",
            get_data_num=100,
            process_ops=(
                DecodeImage(),
                CvtColor("COLOR_RGB2BGR"),
                Resize((640, -1), "long", "bicubic", "pillow"),
                Pad(value=114),
                CenterCrop((64, 96)),
                ChannelSplit(0),
                Normalize(div255=False, mean=(127.5,), std=(127.5,)),
                CustomFunc(VALID / "prepare.py", "get", (1, 3, 64, 96)),
                ToTensor(),
            ),
        ),
        workspace_path=Path("deploy_weights"),
        ignored_keys=(
            "backend.compile.cluster_mode",
            "backend.compile.data_transport_mode",
            "backend.quantize.overflow_adaptive",
            "backend.merge_params",
            "workspace.env_recheck",
            "workspace.pyenv",
        ),
        source=path,
    )
    assert config.artifact_prefix == Path("deploy_weights/every_key_int8/mod")


def test_load_build_config_normalizes_dialect_1_of_2023() -> None:
    config = load_build_config(VALID / "build_2023_dialect1.yaml")
    assert config.generation == "2023"
    assert config.frontend == Frontend(
        "onnx", VALID / "weights/shufflenet_v2.onnx", {"input": (1, 3, 224, 224)}
    )
    assert config.backend == Backend(
        "tvm_vacc", "int8", Quantize("kl_divergence", False), {"boost_pipeline": 3}
    )
    assert config.extra_ops == ExtraOps("softmax")
    assert config.dataset is not None
    assert config.dataset.path == VALID / "eval/calib"
    assert config.dataset.process_ops[1:] == (
        Resize((256, 256)),
        Normalize(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)),
        ToTensor(),
    )
    assert config.artifact_prefix == Path(
        "deploy_weights/shufflenet_v2-int8-kl_divergence-3_224_224-vacc/shufflenet_v2"
    )


def test_load_build_config_normalizes_dialect_2_of_2023() -> None:
    config = load_build_config(VALID / "build_2023_dialect2.yaml")
    assert config.frontend.type == "pytorch"
    assert config.backend == Backend("tvm_vacc", "fp16", Quantize("max", True), {"cluster_mode": 0})
    assert config.extra_ops is None
    assert config.dataset is None
    assert config.ignored_keys == ("engine.common.cluster_mode", "model.config")
    assert config.artifact_prefix == Path("out/yolo-fp16-none-3_640_640-vacc/yolo")


def test_load_build_config_keeps_shape_ranges_apart() -> None:
    config = load_build_config(VALID / "build_llm.yaml")
    assert config.frontend.shape == {}
    assert config.frontend.shape_ranges == {"input_ids": ((1024,), (2048,)), "text": ((512,), ())}
    assert config.frontend.type == "huggingface"
    assert config.frontend.checkpoint == Path("/models/chat")


@pytest.mark.parametrize(
    ("written", "dtype"),
    [("true", "int8"), ("false", "fp16"), ("fp16", "fp16"), ("debug", "fp32")],
)
def test_do_quantization_means_a_dtype(written: str, dtype: str, tmp_path: Path) -> None:
    text = (VALID / "build_2023_dialect1.yaml").read_text()
    path = write_yaml(
        tmp_path, text.replace("do_quantization: true", f"do_quantization: {written}")
    )
    assert load_build_config(path).backend.dtype == dtype


def test_both_dialects_in_one_file_are_fine_where_they_agree(tmp_path: Path) -> None:
    text = (VALID / "build_2023_dialect1.yaml").read_text()
    path = write_yaml(tmp_path, text.replace("engine:\n", "engine:\n  dtype: int8\n"))
    assert load_build_config(path).backend.dtype == "int8"


@pytest.mark.parametrize(
    ("alias", "mode"),
    [("minmax", "max"), ("Entropy", "kl_divergence"), ("kl", "kl_divergence"), ("mmse", "mse")],
)
def test_calibrate_mode_takes_common_names(alias: str, mode: str, tmp_path: Path) -> None:
    text = f"{HEAD}backend: {{dtype: fp16, quantize: {{calibrate_mode: {alias}}}}}\n"
    config, notes = check_build_config(write_yaml(tmp_path, text))
    assert config.backend.quantize.calibrate_mode == mode
    assert [str(note).partition(": ")[2] for note in notes] == [
        f"backend.quantize.calibrate_mode: {alias!r} is taken as {mode!r}"
    ]


def test_calibrate_mode_takes_common_names_in_dialect_1(tmp_path: Path) -> None:
    text = (VALID / "build_2023_dialect1.yaml").read_text().replace("kl_divergence", "kl")
    config = load_build_config(write_yaml(tmp_path, text))
    assert config.backend.quantize.calibrate_mode == "kl_divergence"


@pytest.mark.parametrize(
    ("ops", "normalize"),
    [
        ("{type: Normalize, mean: [0.5], std: [0.5]}", Normalize(True, (0.5,), (0.5,))),
        ("{type: Normalize}", Normalize(True)),
        ("{type: Normalize, norm_type: null}", Normalize(True)),
        ("{type: Normalize, norm_type: None, div255: true}", Normalize(True)),
        ("{type: Normalize, div255: false}", Normalize(False)),
        ("{type: Normalize, div255: null}", Normalize(False)),
    ],
    ids=["mean", "bare", "null", "None", "false", "div255-null"],
)
def test_normalize_divides_by_255_unless_told_otherwise(
    ops: str, normalize: Normalize, tmp_path: Path
) -> None:
    config = load_build_config(write_yaml(tmp_path, dataset(ops)))
    assert config.dataset is not None
    assert config.dataset.process_ops == (normalize,)


def test_custom_func_without_a_shape(tmp_path: Path) -> None:
    ops = "{type: CustomFunc, module_path: p.py, func_name: f}"
    config = load_build_config(write_yaml(tmp_path, dataset(ops)))
    assert config.dataset is not None
    assert config.dataset.process_ops == (CustomFunc(tmp_path / "p.py", "f"),)


def test_custom_func_takes_both_names_of_its_shape(tmp_path: Path) -> None:
    ops = "{type: CustomFunc, module_path: p.py, func_name: f, input_shape: [1, 3]}"
    config = load_build_config(write_yaml(tmp_path, dataset(ops)))
    assert config.dataset is not None
    assert config.dataset.process_ops == (CustomFunc(tmp_path / "p.py", "f", (1, 3)),)


@pytest.mark.parametrize("suffix", ["null", "''", "'.'"])
def test_suffix_none_takes_every_image(suffix: str, tmp_path: Path) -> None:
    text = dataset("{type: ToTensor}", f"{{suffix: {suffix}}}")
    config = load_build_config(write_yaml(tmp_path, text))
    assert config.dataset is not None
    assert config.dataset.suffix is None
    assert config.dataset.get_data_num is None


def test_null_sections_are_empty_ones(tmp_path: Path) -> None:
    text = f"{HEAD}backend: {{dtype: fp16, compile: null, quantize: null}}\ngraph: null\n"
    config = load_build_config(write_yaml(tmp_path, text))
    assert config.backend.quantize == Quantize()
    assert config.extra_ops is None
    assert config.ignored_keys == ()


def test_dataset_without_ops_holds_npz_files(tmp_path: Path) -> None:
    config = load_build_config(
        write_yaml(tmp_path, f"{HEAD}backend: {{dtype: fp16}}\ndataset: {{type: tvm}}")
    )
    assert config.dataset == Dataset(None, "npz", None, ())


@pytest.mark.parametrize(
    ("checkpoint", "kind"),
    [("a.PT", "pytorch"), ("a.h5", "keras"), ("a.pb", "tensorflow"), ("a.weights", "darknet")],
)
def test_frontend_type_comes_from_the_suffix(checkpoint: str, kind: str, tmp_path: Path) -> None:
    text = f"{HEAD}backend: {{dtype: fp16}}\n".replace("type: onnx, ", "")
    path = write_yaml(tmp_path, text.replace("model.onnx", checkpoint))
    config, notes = check_build_config(path)
    assert config.frontend.type == kind
    assert [note.message for note in notes] == [f"no 'type': taken as {kind}, from {checkpoint!r}"]


def test_extra_ops_that_only_a_card_needs_have_no_effect(tmp_path: Path) -> None:
    text = f"{HEAD}backend: {{dtype: fp16}}\ngraph: {{extra_ops: {{type: insert_odma}}}}\n"
    config = load_build_config(write_yaml(tmp_path, text))
    assert config.extra_ops is None
    assert config.ignored_keys == ("graph.extra_ops.type",)


def test_input_paths_start_from_the_file_output_paths_do_not() -> None:
    config = load_build_config(VALID / "build_minimal.yaml")
    assert config.frontend.checkpoint == VALID / "model.onnx"
    assert config.workspace_path == Path("out")


def test_load_build_config_reports_everything_at_once(tmp_path: Path) -> None:
    text = dataset("{type: Normalize, mean: [1, 2], std: [1]}").replace("fp16", "fp17")
    with pytest.raises(ConfigError, match="fp17") as caught:
        load_build_config(write_yaml(tmp_path, text))
    assert [finding.line for finding in caught.value.findings] == [4, 5]


def test_build_faults_leave_out_what_the_schema_refused(tmp_path: Path) -> None:
    text = dataset("{type: Normalize, mean: [x], std: [0]}")
    with pytest.raises(ConfigError, match="expected number, got str 'x'") as caught:
        load_build_config(write_yaml(tmp_path, text))
    assert len(caught.value.findings) == 1
