# SPDX-License-Identifier: Apache-2.0
"""The settings of a training run: a YAML file in, a checked, frozen dataclass out."""

import difflib
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from vackit.errors import ConfigError, Finding
from vackit.files import sha256_file


@dataclass(frozen=True)
class Settings:
    """What `digits.yaml` holds; see there for what each key means."""

    seed: int
    num_heldout: int
    num_calibration: int
    input_size: int
    stage_repeats: tuple[int, ...]
    channels: tuple[int, ...]
    num_classes: int
    epochs: int
    warmup_epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    rotation_degrees: float
    scale: float
    shift_pixels: float


def default_settings_path() -> Path:
    """Return the settings that the embedded default was trained with."""
    return Path(str(resources.files(__package__) / "digits.yaml"))


def load_settings(path: Path) -> Settings:
    """Read a settings file.

    Raises:
        ConfigError: A key is missing, unknown or of the wrong type, or the text is no YAML;
            all of it at once.
    """
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError([Finding(f"not a YAML text: {error}", file=str(path))]) from error
    if not isinstance(data, dict):
        raise ConfigError([Finding("expected a mapping of settings", file=str(path))])
    findings = [*_unknown(data, path), *_wrong(data, path)]
    if findings:
        raise ConfigError(findings)
    return Settings(**{key: _frozen(value) for key, value in data.items()})


def settings_sha256(path: Path) -> str:
    """Return the sha256 of a settings file, recorded beside what was trained with it."""
    return sha256_file(path)


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _unknown(data: dict[Any, Any], path: Path) -> list[Finding]:
    known = [field.name for field in fields(Settings)]
    found = []
    for key in data:
        if key not in known:
            near = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean '{near[0]}'?" if near else ""
            found.append(Finding("unknown key", file=str(path), key_path=str(key), hint=hint))
    return found


def _wrong(data: dict[Any, Any], path: Path) -> list[Finding]:
    found = []
    for field in fields(Settings):
        if field.name not in data:
            message = "missing"
        elif _fits(field.type, value := data[field.name]):
            continue
        else:
            message = f"expected {_WORDS[field.type]}, got {value!r}"
        found.append(Finding(message, file=str(path), key_path=field.name))
    return found


_WORDS: dict[Any, str] = {
    int: "a whole number of 0 or more",
    float: "a number of 0 or more",
    tuple[int, ...]: "a list of whole numbers above 0",
}


def _fits(kind: Any, value: Any) -> bool:
    if kind is int or kind is float:
        allowed = (int,) if kind is int else (int, float)
        return isinstance(value, allowed) and not isinstance(value, bool) and value >= 0
    return isinstance(value, list) and all(type(item) is int and item > 0 for item in value)
