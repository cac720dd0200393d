# SPDX-License-Identifier: Apache-2.0
"""The settings of a training run: a YAML file in, a checked, frozen dataclass out."""

import difflib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from vackit.errors import ConfigError, Finding
from vackit.files import sha256_file
from vackit.selftest.digits import CLASS_NAMES

# the smallest class has 174 images; each keeps some to train on
MOST_SPLIT = 1700


@dataclass(frozen=True)
class Settings:
    """What `digits.yaml` holds; see there for what each key means."""

    seed: int
    num_heldout: int
    num_calibration: int
    input_size: int
    stage_repeats: tuple[int, ...]
    channels: tuple[int, ...]
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
    settings = Settings(**{key: _frozen(value) for key, value in data.items()})
    findings = [
        Finding(message, file=str(path), key_path=key) for key, message in _contradictions(settings)
    ]
    if findings:
        raise ConfigError(findings)
    return settings


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


def _contradictions(settings: Settings) -> Iterator[tuple[str, str]]:
    """Yield the key and the message of each value that cannot be used, though of its type."""
    classes = len(CLASS_NAMES)
    for key in ("num_heldout", "num_calibration"):
        if getattr(settings, key) % classes:
            yield key, f"expected a multiple of {classes}, got {getattr(settings, key)}"
    if settings.num_heldout + settings.num_calibration > MOST_SPLIT:
        yield "num_heldout", f"with num_calibration more than {MOST_SPLIT}: too few to train on"
    stages, widths = len(settings.stage_repeats), len(settings.channels)
    if widths != stages + 2:
        yield "channels", f"expected {stages + 2} (stem, {stages} stages, last), got {widths}"
    if any(width % 2 for width in settings.channels[1:-1]):
        yield "channels", "expected even numbers for the stages, whose channels are split"
    if settings.batch_size < 2:
        yield "batch_size", f"batch norm needs at least 2, got {settings.batch_size}"
    if settings.input_size < 8:
        yield "input_size", f"expected 8 or more, got {settings.input_size}"


def _fits(kind: Any, value: Any) -> bool:
    if kind is int or kind is float:
        allowed = (int,) if kind is int else (int, float)
        return isinstance(value, allowed) and type(value) is not bool and _usable(value)
    return isinstance(value, list) and all(type(item) is int and item > 0 for item in value)


def _usable(value: float) -> bool:
    return math.isfinite(value) and value >= 0
