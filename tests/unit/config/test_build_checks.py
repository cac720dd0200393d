# SPDX-License-Identifier: Apache-2.0
"""What is odd in a build YAML but clear: it is noted."""

import logging
from pathlib import Path

import pytest
from tests.config_files import HEAD, dataset, write_yaml

from vackit.config.build import Pad, Resize, ToTensor, check_build_config, load_build_config
from vackit.errors import ConfigError


def notes_of(folder: Path, text: str) -> list[str]:
    _, notes = check_build_config(write_yaml(folder, text))
    return [f"{note.key_path}: {note.message}" for note in notes]


@pytest.mark.parametrize(
    ("ops", "note"),
    [
        ("{type: Normalize, norm_type: None}", "0.norm_type: the text 'None' is taken as null"),
        ("{type: Normalize, div255: null}", "0.div255: null is taken as false: no division by 255"),
        (
            "{type: Normalize, mean: [123.7], std: [58.4]}",
            "0.mean: a mean of 123.7 is of values 0..255, but they are divided by 255",
        ),
        (
            "{type: Resize, size: [640, 640], adaptive_side: long}",
            "0.size: [640, 640] is taken as [640, -1]",
        ),
    ],
    ids=["norm_type", "div255", "mean", "size"],
)
def test_slip_in_process_ops_leaves_a_note(ops: str, note: str, tmp_path: Path) -> None:
    assert notes_of(tmp_path, dataset(ops)) == [f"dataset.process_ops.{note}"]


def test_resize_by_one_side_is_refused_without_a_size(tmp_path: Path) -> None:
    path = write_yaml(tmp_path, dataset("{type: Resize, size: [], adaptive_side: long}"))
    with pytest.raises(ConfigError, match="expected at least 2 values, got 0"):
        check_build_config(path)


_LONG_SIDE = "{type: Resize, size: [416, -1], adaptive_side: long}, {type: ToTensor}"


def test_resize_of_the_long_side_is_padded_to_a_square_input(tmp_path: Path) -> None:
    path = write_yaml(tmp_path, dataset(_LONG_SIDE).replace("[1, 3, 8, 8]", "[1, 3, 416, 416]"))
    config, notes = check_build_config(path)
    assert config.dataset is not None
    assert config.dataset.process_ops == (Resize((416, -1), "long"), Pad(), ToTensor())
    (note,) = notes
    assert "dataset.process_ops.0: images are padded to the model's square behind it" in str(note)


@pytest.mark.parametrize(
    ("ops", "shape"),
    [
        (_LONG_SIDE, "[1, 3, 640, 640]"),
        (_LONG_SIDE, "[1, 3, 416, 640]"),
        (_LONG_SIDE, "[[1, 3, 224, 224], [1, 3, 416, 416]]"),
        (_LONG_SIDE.replace("long", "short"), "[1, 3, 416, 416]"),
        (f"{{type: CenterCrop, crop_size: [416, 416]}}, {_LONG_SIDE}", "[1, 3, 416, 416]"),
        (f"{{type: Resize, size: [9, 9]}}, {_LONG_SIDE}", "[1, 3, 416, 416]"),
    ],
    ids=["other size", "no square", "range", "short", "crop", "two"],
)
def test_resize_is_not_padded_where_that_would_not_be_all(
    ops: str, shape: str, tmp_path: Path
) -> None:
    path = write_yaml(tmp_path, dataset(ops).replace("[1, 3, 8, 8]", shape))
    config, notes = check_build_config(path)
    assert config.dataset is not None
    assert Pad() not in config.dataset.process_ops
    assert not notes


@pytest.mark.parametrize(
    ("sampler", "note"),
    [
        ("{suffix: null}", "dataset.sampler.suffix: null: every image suffix is taken"),
        (
            "{suffix: NPZ}",
            "dataset.sampler.suffix: 'NPZ' is taken as 'npz': case does not matter in suffixes",
        ),
    ],
    ids=["null", "NPZ"],
)
def test_slip_in_sampler_leaves_a_note(sampler: str, note: str, tmp_path: Path) -> None:
    assert notes_of(tmp_path, dataset("{type: ToTensor}", sampler)) == [note]


@pytest.mark.parametrize(
    ("rest", "notes"),
    [
        (
            "backend: {dtype: fp16}\ngraph: {extra_ops: {type: null, params: {a: 1}}}\n",
            ["graph.extra_ops.params: no effect: the type beside it computes nothing"],
        ),
        (
            'backend: {dtype: fp16, compile: {output_layout: [0:"YX"]}}\n',
            [
                'backend.compile.output_layout: 0:"YX" is text with quotes inside it',
            ],
        ),
        ("backend: {dtype: fp16, quantize: {ops_usingfp: [concatenate]}}\n", []),
    ],
    ids=["params", "layout", "not-int8"],
)
def test_slip_elsewhere_leaves_a_note(rest: str, notes: list[str], tmp_path: Path) -> None:
    assert notes_of(tmp_path, HEAD + rest) == notes


def test_name_that_contradicts_the_dtype_leaves_a_note(tmp_path: Path) -> None:
    text = f"{HEAD}backend: {{dtype: fp16}}\n".replace("name: x", "name: resnet_int8")
    assert notes_of(tmp_path, text) == ["name: the name says int8, the dtype is fp16"]


def test_layer_choices_leave_a_note_for_int8(tmp_path: Path) -> None:
    text = dataset("{type: ToTensor}").replace(
        "dtype: fp16}", "dtype: int8, quantize: {quantize_mode: manual}}"
    )
    assert notes_of(tmp_path, text) == [
        "backend.quantize.quantize_mode: this version does not act on it"
    ]


def test_calibrate_range_of_another_mode_leaves_a_note(tmp_path: Path) -> None:
    text = dataset("{type: ToTensor}").replace(
        "dtype: fp16}", "dtype: int8, quantize: {calibrate_mode: mse, calibrate_range: 0.999}}"
    )
    note = "no effect: it belongs to percentile, calibrate_mode is 'mse'"
    assert notes_of(tmp_path, text) == [f"backend.quantize.calibrate_range: {note}"]


def test_load_build_config_logs_its_notes(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="vackit")
    text = f"{HEAD}backend: {{dtype: fp16, compile: {{cluster_mode: 0, opt_level: 2}}}}\n"
    load_build_config(write_yaml(tmp_path, text))
    keys = "backend.compile.cluster_mode, backend.compile.opt_level"
    assert [record.getMessage() for record in caplog.records] == [
        f"{tmp_path / 'x.yaml'}: no effect on the emulator: {keys}"
    ]
