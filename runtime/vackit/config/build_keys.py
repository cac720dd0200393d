# SPDX-License-Identifier: Apache-2.0
"""What the keys of the two generations of build YAML are called, and which have no effect."""

from vackit.config.document import Document, KeyPath


def _path(text: str) -> KeyPath:
    return tuple(text.split("."))


# current key -> 2023 keys, the later dialect first; all other keys are called the same
KEYS_2023: dict[KeyPath, tuple[KeyPath, ...]] = {
    _path(current): tuple(_path(old) for old in olds)
    for current, olds in {
        "name": ["model.name"],
        "frontend.shape": ["model.inputs"],
        "frontend.checkpoint": ["model.checkpoint"],
        "backend.type": ["engine.type"],
        "backend.dtype": ["engine.dtype", "engine.common.do_quantization"],
        "backend.compile": ["engine.common"],
        "backend.quantize.calibrate_mode": [
            "engine.calibration.calibrate_mode",
            "engine.calibration.quant_mode",
        ],
        "backend.quantize.quantize_per_channel": [
            "engine.calibration.quantize_per_channel",
            "engine.calibration.per_channel",
        ],
        "backend.quantize": ["engine.calibration"],
        "graph.extra_ops": ["engine.extra_ops", "engine.add_extra_ops_to_graph"],
        "dataset.process_ops": ["dataset.transform_ops"],
        "workspace.path": ["workspace.work_dir"],
    }.items()
}

# Keys of `backend.quantize` that choose what is quantized, and so change an int8 model's
# numbers, but that this version's compiler does not read.
QUANTIZE_KEYS_NOT_READ = ("quantize_mode", "quantize_operators")

# Keys outside `backend.compile` that steer only the card's compiler or its tool chain
_CARD_KEYS = [
    *(f"backend.{key}" for key in ("merge_params", "remove_params", "dynamic_params")),
    *(f"frontend.{key}" for key in ("model_kwargs", "quantize")),
    "model.config",
    *(f"workspace.{key}" for key in ("env_recheck", "workers", "pyenv", "enable_ir", "save_log")),
]
_CARD_QUANTIZE_KEYS = (
    "calibrate_chunk_by",
    "dense_special_config",
    "nearest_interpol_on_dsp",
    "output_ddr",
    "overflow_adaptive",
    "quantize_dsp_ops",
    "requant_suppress",
    "stream_mode",
    "weight_scale",
)


def is_2023(document: Document) -> bool:
    """Tell whether a build YAML is of the 2023 generation."""
    data = document.data
    if "frontend" in data or "backend" in data:
        return False
    return "engine" in data or isinstance(data.get("model"), dict)


def alternatives(current: KeyPath) -> tuple[KeyPath, ...]:
    """Return what 2023's files call the current key ``current``, the preferred name first."""
    for end in range(len(current), 0, -1):
        if olds := KEYS_2023.get(current[:end]):
            return tuple((*old, *current[end:]) for old in olds)
    return (current,)


def written(document: Document, current: KeyPath) -> KeyPath:
    """Return the key path under which ``document`` says the current key ``current``."""
    if not is_2023(document):
        return current
    olds = alternatives(current)
    return next((old for old in olds if document.has(old)), olds[0])


def current_of(path: KeyPath) -> KeyPath:
    """Return the current name of the 2023 key ``path``; ``path`` itself where it has none."""
    for current, olds in KEYS_2023.items():
        for old in olds:
            # a value of do_quantization means nothing under the current name
            if path[: len(old)] == old and old[-1] != "do_quantization":
                return (*current, *path[len(old) :])
    return path


def dtype_word(value: object) -> object:
    """Return the dtype that 2023's ``do_quantization`` means; anything else as it is."""
    if isinstance(value, bool):
        return "int8" if value else "fp16"
    return "fp32" if value == "debug" else value


# what of `backend.compile` is no knob of a card alone
_READ_KNOBS = frozenset({"do_quantization", "output_layout"})
# what of `graph.extra_ops.type` computes nothing: by its name it moves a card's outputs
CARD_EXTRA_OPS = frozenset({"insert_odma"})


def ignored_keys(document: Document) -> list[KeyPath]:
    """Return the keys present in a valid ``document`` that only a card's compiler reads."""
    knobs = written(document, ("backend", "compile"))
    quantize = written(document, ("backend", "quantize"))
    paths = [(*knobs, key) for key in document.get(knobs) or {} if key not in _READ_KNOBS]
    paths += [(*quantize, key) for key in _CARD_QUANTIZE_KEYS]
    paths += [_path(key) for key in _CARD_KEYS]
    extra = (*written(document, ("graph", "extra_ops")), "type")
    if document.get(extra) in CARD_EXTRA_OPS:
        paths.append(extra)
    return [path for path in paths if document.has(path)]


def renamed(document: Document, path: KeyPath) -> tuple[KeyPath, ...]:
    """Return what ``document`` calls a key of either generation, its other names behind."""
    current = current_of(path)
    return alternatives(current) if is_2023(document) else (current,)


def _hints_current() -> dict[KeyPath, str]:
    """Return where 2023's keys, and keys under the wrong parent, belong in a current file."""
    hints: dict[KeyPath, str] = {
        ("model",): "the current form writes 'name' at the top, and model.checkpoint and "
        "model.inputs as frontend.checkpoint and frontend.shape",
        ("engine",): "the current form calls it 'backend'",
        ("extra_ops",): "it belongs under graph.extra_ops",
        ("process_ops",): "it belongs under dataset.process_ops",
        ("sampler",): "it belongs under dataset.sampler",
        ("backend", "compile", "do_quantization"): "write backend.dtype: int8, fp16 or fp32",
    }
    for key in ("calibrate_mode", "quantize_per_channel", "reduce_range"):
        for parent in (("backend",), ("backend", "compile")):
            hints[(*parent, key)] = f"it belongs under backend.quantize.{key}"
    for current, olds in KEYS_2023.items():
        for old in olds:
            # 2023's word under the current parent
            hints.setdefault((*current[:-1], old[-1]), f"the current form calls it {current[-1]!r}")
    return hints


def _hints_2023() -> dict[KeyPath, str]:
    """Return what 2023's form calls the keys of the current one."""
    hints = {
        current: f"the 2023 form writes it as {'.'.join(map(str, olds[0]))}"
        for current, olds in KEYS_2023.items()
    }
    hints["dataset", "process_ops"] = "the 2023 form calls it 'transform_ops'"
    hints["workspace", "path"] = "the 2023 form calls it 'work_dir'"
    return hints


HINTS_CURRENT = _hints_current()
HINTS_2023 = _hints_2023()
