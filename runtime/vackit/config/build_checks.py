# SPDX-License-Identifier: Apache-2.0
"""What a schema cannot say about a build YAML: faults between keys, and slips worth a note."""

from collections.abc import Sequence
from typing import Any

from vackit.config.build_keys import (
    KEYS_2023,
    QUANTIZE_KEYS_NOT_READ,
    dtype_word,
    ignored_keys,
    is_2023,
    renamed,
    written,
)
from vackit.config.build_types import CALIBRATE_MODES, BuildConfig
from vackit.config.document import Document, KeyPath
from vackit.errors import Finding

# What other tools call the four modes
_MODE_ALIASES = {
    "absmax": "max",
    "minmax": "max",
    "min_max": "max",
    "entropy": "kl_divergence",
    "kl": "kl_divergence",
    "mmse": "mse",
}
# Means of images in [0, 1] are below 1; those of 0..255 images are far above
_MEAN_OF_BYTES = 2.0


def apply_aliases(document: Document) -> None:
    """Replace words that mean the same as a published one; each leaves a note."""
    for key in renamed(document, ("backend", "quantize", "calibrate_mode")):
        mode = document.get(key)
        word = mode.lower().replace("-", "_") if isinstance(mode, str) else ""
        meant = _MODE_ALIASES.get(word, word)
        if meant in CALIBRATE_MODES and meant != mode:
            document.note(f"{mode!r} is taken as {meant!r}", key)
            document.get(key[:-1])[key[-1]] = meant
    for path, op in _ops(document, "Normalize"):
        if op.get("norm_type") == "None":
            document.note("the text 'None' is taken as null", (*path, "norm_type"), "write null")
            op["norm_type"] = None
    for path, op in _ops(document, "Resize"):
        size = op.get("size")
        if "adaptive_side" in op and isinstance(size, list) and size and size == size[:1] * 2:
            document.note(f"{size} is taken as [{size[0]}, -1]", (*path, "size"))
            op["size"] = [size[0], -1]


def build_faults(document: Document, known: Sequence[Finding]) -> list[Finding]:
    """Return the faults between keys, leaving out parts where the schema found one."""
    findings = _contradictions(document) if is_2023(document) else []
    for path, op in _ops(document, "Normalize"):
        name = ".".join(str(step) for step in path)
        if not any(finding.key_path.startswith(name) for finding in known):
            findings += _normalize_faults(document, path, op)
    return findings


def _contradictions(document: Document) -> list[Finding]:
    """Return where both dialects of 2023 say the same thing differently."""
    findings = []
    for olds in KEYS_2023.values():
        given = [old for old in olds if document.has(old)]
        values = [dtype_word(document.get(old)) for old in given]
        if len(given) == 2 and values[0] != values[1]:
            first, second = (".".join(map(str, old)) for old in given)
            message = f"says {values[1]!r}, but {first} says {values[0]!r}"
            hint = f"keep one of {first}, {second}"
            findings.append(document.finding(message, given[1], hint=hint))
    return findings


def _normalize_faults(document: Document, path: KeyPath, op: dict[str, Any]) -> list[Finding]:
    mean, std = op.get("mean"), op.get("std")
    if mean is None or std is None:
        return []
    findings = []
    if len(mean) != len(std):
        message = f"mean has {len(mean)} values, std has {len(std)}"
        findings.append(document.finding(message, (*path, "std")))
    if any(value <= 0 for value in std):
        message = f"expected numbers above 0 to divide by, got {std}"
        findings.append(document.finding(message, (*path, "std")))
    return findings


def take_notes(document: Document, config: BuildConfig) -> None:
    """Note every published slip whose meaning is clear, and the keys without effect."""
    _note_frontend(document, config)
    _note_backend(document, config)
    _note_dataset(document)
    _note_padding(document, config)
    _note_layout(document)
    if keys := ignored_keys(document):
        names = ", ".join(".".join(str(step) for step in key) for key in keys)
        document.notes.append(Finding(f"no effect on the emulator: {names}", str(document.path)))


def _note_frontend(document: Document, config: BuildConfig) -> None:
    if not is_2023(document):
        checkpoint = config.frontend.checkpoint
        for key, value in (("type", config.frontend.type), ("dtype", config.frontend.dtype)):
            if not document.has(("frontend", key)):
                because = f", from {checkpoint.name!r}" if key == "type" and checkpoint else ""
                document.note(f"no {key!r}: taken as {value}{because}", ("frontend",))
    shape = written(document, ("frontend", "shape"))
    for name, (_, largest) in config.frontend.shape_ranges.items():
        if not largest:
            document.note("the largest shape is empty: no upper bound", (*shape, name))


def _note_backend(document: Document, config: BuildConfig) -> None:
    dtype = config.backend.dtype
    for word in {"int8", "fp16", "fp32"} - {dtype}:
        if config.name.lower().endswith(f"_{word}"):
            document.note(
                f"the name says {word}, the dtype is {dtype}", written(document, ("name",))
            )
    if document.get(("engine", "type")) == "debug":
        document.note("'debug' is taken as 'vacc'", ("engine", "type"))
    quantize = written(document, ("backend", "quantize"))
    for key in QUANTIZE_KEYS_NOT_READ if dtype == "int8" else ():
        if document.has((*quantize, key)):
            message = "this version does not act on it"
            document.note(message, (*quantize, key))
    share, mode = (*quantize, "calibrate_range"), config.backend.quantize.calibrate_mode
    if dtype == "int8" and document.has(share) and mode != "percentile":
        document.note(f"no effect: it belongs to percentile, calibrate_mode is {mode!r}", share)
    extra = written(document, ("graph", "extra_ops"))
    if (document.get(extra) or {}).get("params") and config.extra_ops is None:
        document.note("no effect: the type beside it computes nothing", (*extra, "params"))


def _note_dataset(document: Document) -> None:
    suffix = ("dataset", "sampler", "suffix")
    if document.has(suffix) and not document.get(suffix):
        images = document.get(written(document, ("dataset", "process_ops")))
        taken = "every image suffix is taken" if images else "npz files are taken"
        document.note(f"null: {taken}", suffix)
    elif document.get(suffix) == "NPZ":
        document.note("'NPZ' is taken as 'npz': case does not matter in suffixes", suffix)
    for path, op in _ops(document, "Normalize"):
        if "div255" in op and op["div255"] is None:
            document.note("null is taken as false: no division by 255", (*path, "div255"))
        if op.get("div255", True) and max(op.get("mean") or [0]) > _MEAN_OF_BYTES:
            message = (
                f"a mean of {max(op['mean'])} is of values 0..255, but they are divided by 255"
            )
            document.note(message, (*path, "mean"), "add div255: false")


def _note_padding(document: Document, config: BuildConfig) -> None:
    """Note the Pad that the file lacks and that was put behind its one Resize."""
    ops = document.get(written(document, ("dataset", "process_ops")))
    if config.dataset and len(config.dataset.process_ops) > len(ops or ()):
        ((path, _),) = _ops(document, "Resize")
        message = "images are padded to the model's square behind it"
        document.note(message, path, "add '- type: Pad' with pad_to_square: true")


def _note_layout(document: Document) -> None:
    """Note ``[0:"YX"]``, which YAML reads as the text ``0:"YX"``, quotes included."""
    key = (*written(document, ("backend", "compile")), "output_layout")
    layout = document.get(key)
    for item in layout if isinstance(layout, list) else ():
        if '"' in str(item):
            document.note(f"{item} is text with quotes inside it", key, 'write ["0:YX"]')
            return


def _ops(document: Document, kind: str) -> list[tuple[KeyPath, dict[str, Any]]]:
    """Return the process_ops of one type with their key paths, whatever else is wrong."""
    key = written(document, ("dataset", "process_ops"))
    ops = document.get(key)
    return [
        ((*key, index), op)
        for index, op in enumerate(ops if isinstance(ops, list) else ())
        if isinstance(op, dict) and op.get("type") == kind
    ]
