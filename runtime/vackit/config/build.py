# SPDX-License-Identifier: Apache-2.0
"""The build config: what a build YAML of either generation says, in one form. Reads YAML."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vackit.config.build_checks import apply_aliases, build_faults, take_notes
from vackit.config.build_keys import (
    CARD_EXTRA_OPS,
    HINTS_2023,
    HINTS_CURRENT,
    dtype_word,
    ignored_keys,
    is_2023,
    renamed,
    written,
)
from vackit.config.build_types import (
    CALIBRATE_MODES,
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
    Generation,
    Normalize,
    Pad,
    ProcessOp,
    Quantize,
    Resize,
    ToTensor,
)
from vackit.config.document import Document, KeyPath
from vackit.config.load import load_yaml
from vackit.config.overrides import apply_overrides
from vackit.config.process_ops import make_op, padded
from vackit.config.schema import schema_findings
from vackit.errors import ConfigError, Finding

__all__ = [
    "CALIBRATE_MODES",
    "Backend",
    "BuildConfig",
    "CenterCrop",
    "ChannelSplit",
    "CustomFunc",
    "CvtColor",
    "Dataset",
    "DecodeImage",
    "ExtraOps",
    "Frontend",
    "Generation",
    "Normalize",
    "Pad",
    "ProcessOp",
    "Quantize",
    "Resize",
    "ToTensor",
    "check_build_config",
    "load_build_config",
]

_log = logging.getLogger(__name__)

# What a checkpoint's suffix says where the file has no `frontend.type`
_TYPES_BY_SUFFIX = {
    ".onnx": "onnx",
    ".pt": "pytorch",
    ".pth": "pytorch",
    ".torchscript": "pytorch",
    ".h5": "keras",
    ".keras": "keras",
    ".pb": "tensorflow",
    ".weights": "darknet",
}


def load_build_config(path: Path, overrides: Sequence[str] = ()) -> BuildConfig:
    """Read a build YAML of either generation; what is odd but clear is logged as a warning.

    Args:
        path: The YAML file.
        overrides: ``--set`` strings, ``key.path=value`` with keys of either generation.

    Raises:
        ConfigError: With everything that is wrong in the file and in ``overrides``.
    """
    config, notes = check_build_config(path, overrides)
    for note in notes:
        _log.warning("%s", note)
    return config


def check_build_config(
    path: Path, overrides: Sequence[str] = ()
) -> tuple[BuildConfig, tuple[Finding, ...]]:
    """Read a build YAML as `load_build_config` does; return what it would log."""
    document = load_yaml(path)
    apply_overrides(document, overrides, lambda key: renamed(document, key))
    apply_aliases(document)
    if is_2023(document):
        findings = schema_findings(document, "build_2023", elsewhere=HINTS_2023)
    else:
        findings = schema_findings(document, "build", elsewhere=HINTS_CURRENT)
    findings += build_faults(document, findings)
    if findings:
        raise ConfigError(findings)
    config = _Reader(document).config()
    take_notes(document, config)
    return config, tuple(sorted(document.notes, key=lambda note: (note.line, note.column)))


class _Reader:
    """Reads a document that the schema has accepted, by the current names of its keys."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._folder = document.path.parent

    def config(self) -> BuildConfig:
        return BuildConfig(
            name=self._get("name"),
            generation="2023" if is_2023(self._document) else "current",
            frontend=self._frontend(),
            backend=self._backend(),
            extra_ops=self._extra_ops(),
            dataset=self._dataset() if self._get("dataset") else None,
            workspace_path=Path(self._get("workspace.path")),
            ignored_keys=tuple(".".join(map(str, key)) for key in ignored_keys(self._document)),
            source=self._document.path,
        )

    def _key(self, current: str) -> KeyPath:
        return written(self._document, tuple(current.split(".")))

    def _get(self, current: str, default: Any = None) -> Any:
        value = self._document.get(self._key(current))
        return default if value is None else value

    def _input_folder(self, key: KeyPath) -> Path:
        """Return what a relative input path starts from: its file's folder, or the current."""
        return Path() if self._document.is_overridden(key) else self._folder

    def _input_path(self, current: str) -> Path:
        path: str = self._get(current)
        return self._input_folder(self._key(current)) / path

    def _frontend(self) -> Frontend:
        shapes: dict[str, list[Any]] = self._get("frontend.shape")
        ranges = {name: s for name, s in shapes.items() if isinstance(s[0], list)}
        checkpoint = self._input_path("frontend.checkpoint")
        by_suffix = _TYPES_BY_SUFFIX.get(checkpoint.suffix.lower(), "onnx")
        return Frontend(
            type=self._get("frontend.type", by_suffix),
            checkpoint=checkpoint,
            shape={name: tuple(s) for name, s in shapes.items() if name not in ranges},
            dtype=self._get("frontend.dtype", "fp32"),
            shape_ranges={name: (tuple(s[0]), tuple(s[1])) for name, s in ranges.items()},
        )

    def _backend(self) -> Backend:
        dtype: Any = dtype_word(self._document.get(self._key("backend.dtype")))
        knobs = self._get("backend.compile", {})
        return Backend(
            type="tvm_vacc",
            dtype=dtype,
            quantize=self._quantize(),
            compile={key: value for key, value in knobs.items() if key != "do_quantization"},
        )

    def _quantize(self) -> Quantize:
        values = dict(self._get("backend.quantize", {}))
        for key in ("quant_mode", "per_channel", "calibrate_mode", "quantize_per_channel"):
            values.pop(key, None)
        return Quantize(
            calibrate_mode=self._get("backend.quantize.calibrate_mode", "max"),
            quantize_per_channel=self._get("backend.quantize.quantize_per_channel", True),
            calibrate_range=values.pop("calibrate_range", None),
            skip_conv_layers=tuple(values.pop("skip_conv_layers", ())),
            exclude_layers=tuple(values.pop("exclude_layers", ())),
            skip_matmul_layers=tuple(values.pop("skip_matmul_layers", ())),
            ops_usingfp=tuple(values.pop("ops_usingfp", ())),
            reduce_range=values.pop("reduce_range", False),
            extras=values,
        )

    def _extra_ops(self) -> ExtraOps | None:
        kind = self._get("graph.extra_ops.type")
        if not kind or kind in CARD_EXTRA_OPS:
            return None
        return ExtraOps(kind, self._get("graph.extra_ops.params", {}))

    def _dataset(self) -> Dataset:
        key = self._key("dataset.process_ops")
        suffix = self._get("dataset.sampler.suffix")
        ops = [
            make_op(op, self._input_folder((*key, index, "module_path")))
            for index, op in enumerate(self._document.get(key) or ())
        ]
        return Dataset(
            path=self._input_path("dataset.path") if self._get("dataset.path") else None,
            # published files of text models name no suffix: without process_ops it is npz
            suffix=(suffix or "").removeprefix(".") or (None if ops else "npz"),
            get_data_num=self._get("dataset.sampler.get_data_num"),
            process_ops=padded(ops, self._frontend().shape.values()),
        )
