# SPDX-License-Identifier: Apache-2.0
import re
from pathlib import Path

import pytest

from vackit.errors import ConfigError
from vackit.selftest.training.settings import default_settings_path, load_settings


def _edited(folder: Path, old: str, new: str) -> Path:
    text = default_settings_path().read_text(encoding="utf-8")
    assert old in text
    path = folder / "edited.yaml"
    path.write_text(text.replace(old, new), encoding="utf-8")
    return path


def test_settings_of_the_embedded_default_load() -> None:
    settings = load_settings(default_settings_path())
    assert settings.num_heldout == 360
    assert settings.stage_repeats == (4, 8, 4)


def test_settings_name_every_wrong_key_at_once(tmp_path: Path) -> None:
    path = _edited(tmp_path, "epochs: 60\nwarmup_epochs: 3", "epoch: 60\nwarmup_epochs: three")
    with pytest.raises(ConfigError, match="unknown key") as caught:
        load_settings(path)
    text = str(caught.value)
    assert f"{path}: epoch: unknown key\n  hint: did you mean 'epochs'?" in text
    assert f"{path}: epochs: missing" in text
    assert f"{path}: warmup_epochs: expected a whole number of 0 or more, got 'three'" in text


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("momentum: 0.9", "momentum: -1", "momentum: expected a number of 0 or more, got -1"),
        ("momentum: 0.9", "momentum: .nan", "momentum: expected a number of 0 or more, got nan"),
        ("momentum: 0.9", "momentum: .inf", "momentum: expected a number of 0 or more, got inf"),
        ("momentum: 0.9", "momentum: true", "momentum: expected a number of 0 or more, got True"),
        ("seed: 2018", "seed: 1.5", "seed: expected a whole number of 0 or more, got 1.5"),
        ("[4, 8, 4]", "[4, 0]", "stage_repeats: expected a list of whole numbers above 0"),
        ("[4, 8, 4]", "4", "stage_repeats: expected a list of whole numbers above 0, got 4"),
        ("[4, 8, 4]", "[4, 8]", "channels: expected 4 (stem, 2 stages, last), got 5"),
        (" 48, 96", " 48, 95", "channels: expected even numbers for the stages"),
        ("batch_size: 64", "batch_size: 1", "batch_size: batch norm needs at least 2, got 1"),
        ("num_heldout: 360", "num_heldout: 361", "expected a multiple of 10, got 361"),
        ("num_heldout: 360", "num_heldout: 1790", "with num_calibration more than 1700"),
        ("input_size: 32", "input_size: 4", "input_size: expected 8 or more, got 4"),
    ],
    ids=lambda text: re.sub(r"\W+", "_", text),
)
def test_settings_refuse_a_value_that_cannot_be(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    path = _edited(tmp_path, old, new)
    with pytest.raises(ConfigError, match=re.escape(message.split(": ", 1)[-1])) as caught:
        load_settings(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"seed: [", "not a YAML text"),
        (b"\xff\xfe\x00", "not a YAML text"),
        (b"", "expected a mapping of settings"),
        (b"- 1", "expected a mapping of settings"),
    ],
    ids=["broken", "binary", "empty", "list"],
)
def test_settings_refuse_what_is_no_mapping(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "settings.yaml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_settings(path)
