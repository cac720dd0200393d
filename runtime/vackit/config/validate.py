# SPDX-License-Identifier: Apache-2.0
"""Check any mix of configuration files, told apart by what they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from vackit.config.build import check_build_config
from vackit.config.build_types import BuildConfig
from vackit.config.crosscheck import disagreements
from vackit.config.load import load_json, read_text
from vackit.config.model_info import check_model_info
from vackit.config.vdsp import check_vdsp_params
from vackit.config.vdsp_types import VdspParams
from vackit.errors import ConfigError, Finding, UsageError

BUILD, VDSP, MODEL_INFO = "build YAML", "vdsp_params JSON", "model_info JSON"

_MODEL_INFO_KEYS = {"model_name", "model_lib_path", "model_graph_path", "model_params_path"}


@dataclass
class Verdict:
    """What is to be said of one file.

    ``kind`` is ``"build YAML"``, ``"vdsp_params JSON"``, ``"model_info JSON"``, or empty
    where the file could not be told apart. ``notes`` do not make a file wrong.
    """

    path: Path
    kind: str = ""
    findings: tuple[Finding, ...] = ()
    notes: tuple[Finding, ...] = ()

    @property
    def is_valid(self) -> bool:
        """Tell whether nothing is wrong with the file."""
        return not self.findings


def validate_files(paths: Sequence[Path], overrides: Sequence[str] = ()) -> list[Verdict]:
    """Check every file; what is wrong stands in the verdicts, nothing is raised.

    Where exactly one build YAML and one vdsp_params JSON are valid, the build YAML's notes
    say where the two prepare images differently.

    Args:
        paths: Build YAML, vdsp_params and model_info JSON, told apart by what they hold.
        overrides: ``--set`` strings; they apply to each build YAML.

    Raises:
        UsageError: There are overrides, but no build YAML.
    """
    verdicts = [Verdict(path) for path in paths]
    configs: list[tuple[BuildConfig, Verdict]] = []
    params: list[VdspParams] = []
    for verdict in verdicts:
        try:
            loaded = _check(verdict, overrides)
        except ConfigError as error:
            verdict.findings = error.findings
            continue
        if isinstance(loaded, BuildConfig):
            configs.append((loaded, verdict))
        elif isinstance(loaded, VdspParams):
            params.append(loaded)
    if overrides and not any(verdict.kind == BUILD for verdict in verdicts):
        raise UsageError("--set changes a build YAML, and there is none among the files")
    if len(configs) == len(params) == 1:
        config, verdict = configs[0]
        verdict.notes += tuple(disagreements(config, params[0]))
    return verdicts


def _check(verdict: Verdict, overrides: Sequence[str]) -> object:
    path = verdict.path
    verdict.kind = _kind(path)
    if verdict.kind == BUILD:
        config, verdict.notes = check_build_config(path, overrides)
        return config
    if verdict.kind == MODEL_INFO:
        info, verdict.notes = check_model_info(path)
        return info
    params, verdict.notes = check_vdsp_params(path)
    return params


def _kind(path: Path) -> str:
    """Return what a file is: YAML is a build YAML, JSON goes by its keys."""
    suffix = path.suffix.lower()
    is_yaml = suffix in (".yaml", ".yml")
    if is_yaml or (suffix != ".json" and not read_text(path).lstrip().startswith("{")):
        return BUILD
    keys = load_json(path).data.keys()
    if {"frontend", "backend", "engine"} & keys:
        return BUILD
    # an unknown object is most likely a vdsp_params file whose one telling key is misspelt
    return MODEL_INFO if _MODEL_INFO_KEYS & keys else VDSP
