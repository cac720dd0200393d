# SPDX-License-Identifier: Apache-2.0
"""The training, on settings so small that a run takes a second; needs `vackit[train]`."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest

from vackit.errors import DataError
from vackit.selftest.digits import load_calibration, load_heldout
from vackit.selftest.training.settings import Settings, default_settings_path, load_settings

torch = pytest.importorskip("torch", reason="needs the extra vackit[train]")
pytest.importorskip("sklearn", reason="needs the extra vackit[train]")

# below the skips: these import PyTorch
from vackit.selftest.training import checkpoint, export, loop, train  # noqa: E402
from vackit.selftest.training.dataset import split_digits, to_input  # noqa: E402
from vackit.selftest.training.model import (  # noqa: E402
    BasicUnit,
    DownUnit,
    ShuffleNetV2,
    channel_shuffle,
)


@pytest.fixture(scope="module")
def settings() -> Settings:
    return load_settings(default_settings_path())


@pytest.fixture(scope="module")
def tiny(settings: Settings) -> Settings:
    return replace(
        settings, stage_repeats=(2, 2, 2), channels=(8, 8, 16, 16, 16), epochs=1, warmup_epochs=0
    )


def _tiny_yaml(folder: Path) -> Path:
    text = default_settings_path().read_text(encoding="utf-8")
    for old, new in (
        ("[4, 8, 4]", "[2, 2, 2]"),
        ("[24, 48, 96, 192, 256]", "[8, 8, 16, 16, 16]"),
        ("\nepochs: 60", "\nepochs: 1"),
    ):
        assert old in text
        text = text.replace(old, new)
    path = folder / "tiny.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_split_is_the_committed_one(settings: Settings) -> None:
    split = split_digits(settings)
    np.testing.assert_array_equal(split.heldout.index, load_heldout().index)
    np.testing.assert_array_equal(split.calibration.index, load_calibration().index)


def test_split_trains_on_no_heldout_image_and_uses_every_image(settings: Settings) -> None:
    split = split_digits(settings)
    every = np.concatenate([split.train.index, split.heldout.index])
    np.testing.assert_array_equal(np.sort(every), np.arange(1797))
    assert np.isin(split.calibration.index, split.train.index).all()


def test_to_input_repeats_gray_in_minus_one_to_one() -> None:
    inputs = to_input(np.array([[[0, 255]]], np.uint8))
    np.testing.assert_array_equal(
        inputs, np.array([[[[-1, 1]]] * 3], np.float32).reshape(1, 3, 1, 2)
    )


def test_channel_shuffle_interleaves_two_halves() -> None:
    x = torch.arange(6.0).reshape(1, 6, 1, 1)
    assert channel_shuffle(x).flatten().tolist() == [0, 3, 1, 4, 2, 5]


def test_basic_unit_passes_half_of_its_channels_by() -> None:
    x = torch.randn(2, 8, 4, 4, generator=torch.Generator().manual_seed(0))
    y = BasicUnit(8).eval()(x)
    assert y.shape == x.shape
    # after the shuffle every other channel is an untouched one
    assert torch.equal(y[:, 0::2], x[:, :4])


def test_down_unit_halves_the_size_and_changes_the_channels() -> None:
    assert DownUnit(8, 12).eval()(torch.zeros(1, 8, 8, 8)).shape == (1, 12, 4, 4)


def test_model_has_batch_norm_after_each_convolution_and_no_relu_after_depthwise() -> None:
    leaves = [m for m in ShuffleNetV2([2], [8, 8, 8], 10).modules() if not list(m.children())]
    for number, module in enumerate(leaves):
        if isinstance(module, torch.nn.Conv2d):
            assert isinstance(leaves[number + 1], torch.nn.BatchNorm2d)
            after = isinstance(leaves[number + 2], torch.nn.ReLU)
            assert after == (module.groups == 1)


def test_rate_factor_warms_up_then_falls_to_zero(settings: Settings) -> None:
    factors = [loop.rate_factor(epoch, settings) for epoch in range(settings.epochs + 1)]
    peak = settings.warmup_epochs
    assert factors[peak] == max(factors) == 1
    assert factors[:peak] == sorted(factors[:peak])
    assert factors[peak:] == sorted(factors[peak:], reverse=True)
    assert factors[-1] == pytest.approx(0, abs=1e-12)


def test_augment_moves_ink_and_keeps_paper_outside(settings: Settings) -> None:
    torch.manual_seed(0)
    images = torch.full((4, 3, 32, 32), -1.0)
    images[:, :, 8:24, 8:24] = 1
    moved = loop.augment(images, settings)
    assert not torch.equal(moved, images)
    assert not torch.equal(moved[0], moved[1])
    assert moved[:, :, 0, 0].tolist() == [[-1] * 3] * 4
    assert moved.min() >= -1
    # interpolation weights sum to 1 within float32
    assert moved.max() <= 1 + 1e-5


def test_augment_by_nothing_changes_nothing(settings: Settings) -> None:
    still = replace(settings, rotation_degrees=0.0, scale=0.0, shift_pixels=0.0)
    images = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    # the grid's coordinates carry float32 rounding
    torch.testing.assert_close(loop.augment(images, still), images, atol=1e-5, rtol=0)


def test_train_gives_the_same_weights_for_the_same_seed(tiny: Settings) -> None:
    digits = load_calibration()
    first = loop.train(tiny, digits).state_dict()
    second = loop.train(tiny, digits).state_dict()
    other = loop.train(replace(tiny, seed=1), digits).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_train_lowers_the_loss(tiny: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO", logger="vackit"):
        loop.train(replace(tiny, epochs=8, batch_size=16), load_calibration())
    losses = [float(message.rsplit(" ", 1)[1]) for message in caplog.messages]
    assert len(losses) == 8
    assert losses[-1] < losses[0]


def test_checkpoint_comes_back_as_it_was(tiny: Settings, tmp_path: Path) -> None:
    loop.make_deterministic(0)
    model, other = loop.build_model(tiny), loop.build_model(tiny)
    checkpoint.save(tmp_path / "c.npz", model)
    checkpoint.load(tmp_path / "c.npz", other)
    size = tiny.input_size
    expected = loop.predict(model, load_calibration(), size)
    np.testing.assert_array_equal(loop.predict(other, load_calibration(), size), expected)


def test_checkpoint_of_another_network_is_refused(tiny: Settings, tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c.npz", loop.build_model(tiny))
    other = loop.build_model(replace(tiny, channels=(8, 8, 16, 16, 24)))
    with pytest.raises(DataError, match="weights of another network"):
        checkpoint.load(tmp_path / "c.npz", other)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04half"], ids=["empty", "text", "zip"])
def test_checkpoint_that_is_none_is_refused(tiny: Settings, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c.npz").write_bytes(content)
    with pytest.raises(DataError, match="not a checkpoint: an npz file was expected"):
        checkpoint.load(tmp_path / "c.npz", loop.build_model(tiny))


def test_checkpoint_that_is_missing_is_named(tiny: Settings, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such checkpoint"):
        checkpoint.load(tmp_path / "c.npz", loop.build_model(tiny))


def test_commands_train_validate_and_export(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, run = str(_tiny_yaml(tmp_path)), str(tmp_path / "run")
    weights = str(tmp_path / "run" / "checkpoint.npz")
    assert train.main(["train", "--config", config, "--output", run]) == 0
    trained = capsys.readouterr().out
    assert trained.startswith(f"{weights}: top-1 ")
    assert train.main(["validate", "--config", config, "--checkpoint", weights]) == 0
    assert capsys.readouterr().out == trained
    arguments = ["--config", config, "--checkpoint", weights, "--output", str(tmp_path / "out")]
    assert export.main(arguments) == 0
    kinds = {node.op_type for node in onnx.load(tmp_path / "out" / export.MODEL).graph.node}
    assert {"Split", "Reshape", "Transpose"} <= kinds
    assert not kinds & {"Shape", "Slice", "BatchNormalization"}
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "digits.json",
        "digits_calibration.npz",
        "digits_heldout.npz",
        "shufflenetv2_digits.onnx",
    ]
    capsys.readouterr()
    assert export.main(arguments) == 1
    assert "exists already\n  hint: replace it with --force" in capsys.readouterr().err


def test_train_refuses_to_replace_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "checkpoint.npz").write_bytes(b"hours of work")
    assert train.main(["train", "--output", str(tmp_path)]) == 1
    assert "checkpoint.npz: exists already" in capsys.readouterr().err
    assert (tmp_path / "checkpoint.npz").read_bytes() == b"hours of work"
