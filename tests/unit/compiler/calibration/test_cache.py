# SPDX-License-Identifier: Apache-2.0
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import onnx
import pytest
from tests.tiny_models import residual

from vackit.compiler.calibration import cache as cache_module
from vackit.compiler.calibration.cache import StatisticsCache, content_key
from vackit.compiler.calibration.collect import Collector, State
from vackit.compiler.calibration.statistics import Statistics
from vackit.compiler.pipeline import build
from vackit.config.build import BuildConfig, Normalize, Quantize
from vackit.data.npz import read_npz, write_npz

MakeConfig = Callable[..., BuildConfig]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("VACKIT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache" / "calibration"


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Collect how many images each calibration has run."""
    seen: list[int] = []
    original = Collector.collect

    def collect(self: Collector, samples, num_images: int, state: State, *rest) -> None:  # type: ignore[no-untyped-def]
        before = state.total.num_images
        original(self, samples, num_images, state, *rest)
        seen.append(state.total.num_images - before)

    monkeypatch.setattr(Collector, "collect", collect)
    return seen


def _state(num_images: int = 3) -> State:
    stats = Statistics(2, samples=100)
    for index in range(num_images):
        for value in range(2):
            assert stats.observe(value, np.linspace(-1, 1 + index, 50, dtype=np.float32))
        stats.num_images += 1
    return State(stats)


def test_cache_returns_what_was_saved(tmp_path: Path) -> None:
    cache, state = StatisticsCache("key", tmp_path), _state()
    assert cache.load(2, 10, 100) is None
    cache.save(state)
    got = cache.load(2, 10, 100)
    assert got is not None
    assert got.total.num_images == 3
    for name in ("low", "high", "exponent", "counts", "num_seen"):
        np.testing.assert_array_equal(getattr(got.total, name), getattr(state.total, name))
    np.testing.assert_array_equal(got.early_high, state.early_high)


def _change(path: Path, name: str, change: Callable[[Any], Any]) -> None:
    arrays = read_npz(path)
    write_npz(path, {**arrays, name: change(arrays[name])})


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:-100]),
        lambda path: path.write_bytes(path.read_bytes().replace(b"NUMPY", b"NUMPX")),
        lambda path: write_npz(path, {"low": np.zeros(2)}),
        lambda path: _change(path, "counts", lambda counts: np.roll(counts, 1, axis=1)),
        lambda path: _change(path, "low", lambda low: low * np.nan),
        lambda path: _change(path, "high", lambda high: -high),
        lambda path: _change(path, "exponent", lambda exponent: exponent + 2000),
    ],
    ids=[
        *("empty", "cut-off", "garbled", "other-arrays"),
        *("other-counts", "nan", "turned", "exponents"),
    ],
)
def test_cache_tells_of_a_damaged_entry_and_makes_it_again(
    damage: Callable[[Path], None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = StatisticsCache("key", tmp_path)
    cache.save(_state())
    damage(cache.path)
    assert cache.load(2, 10, 100) is None
    assert f"{cache.path}: unusable calibration cache, made again: " in caplog.text
    cache.save(_state())
    assert cache.load(2, 10, 100) is not None


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ((3, 10, 100), "'low' is float64"),
        ((2, 2, 100), "counts 3 images of 2"),
        ((2, 10, 50), "counts 3 images"),
    ],
    ids=["values", "images", "samples"],
)
def test_cache_refuses_an_entry_that_does_not_fit(
    asked: tuple[int, int, int], match: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    cache = StatisticsCache("key", tmp_path)
    cache.save(_state())
    assert cache.load(*asked) is None
    assert match in caplog.text


def test_cache_says_once_that_its_folder_takes_no_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    cache = StatisticsCache("key", tmp_path / "file" / "sub")
    cache.save(_state())
    cache.save(_state())
    assert caplog.text.count("calibration is not cached: ") == 1


def test_cache_keeps_the_most_recently_used_entries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "KEPT_ENTRIES", 2)
    caches = [StatisticsCache(f"key{i}", tmp_path) for i in range(3)]
    for age, cache in enumerate(caches[:2]):
        cache.save(_state())
        os.utime(cache.path, (age, age))
    caches[0].touch()
    caches[2].save(_state())
    assert [cache.path.exists() for cache in caches] == [True, False, True]


def test_cache_removes_what_killed_builds_left(tmp_path: Path) -> None:
    old, new = tmp_path / ".0a.tmp", tmp_path / ".0b.tmp"
    for path in (old, new):
        path.write_bytes(b"half an entry")
    os.utime(old, (0, 0))
    StatisticsCache("key", tmp_path).save(_state())
    assert (old.exists(), new.exists()) == (False, True)


def test_content_key_changes_with_everything_that_counts() -> None:
    model, other = residual(), residual()
    tensor = other.graph.initializer[0]
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] = np.nextafter(values.flat[0], np.float32(9))
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    ops = [{"type": "Resize", "size": [8, 8]}]
    keys = [
        content_key(model, ["a"], "images", ops),
        content_key(other, ["a"], "images", ops),
        content_key(model, ["a", "b"], "images", ops),
        content_key(model, ["a"], "other images", ops),
        content_key(model, ["a"], "images", [{"type": "Resize", "size": [8, 9]}]),
    ]
    assert len(set(keys)) == len(keys)
    assert keys[0] == content_key(residual(), ["a"], "images", ops)


def _int8(make: MakeConfig, mode: str = "max", **changes: object) -> BuildConfig:
    return make(residual(), "int8", quantize=Quantize(calibrate_mode=mode), **changes)


def test_build_uses_the_statistics_for_every_mode(
    make_config: MakeConfig, folder: Path, runs: list[int]
) -> None:
    for mode in ("max", "percentile", "kl_divergence", "mse"):
        build(_int8(make_config, mode), force=True)
    assert runs == [12]
    assert len(list(folder.iterdir())) == 1


def test_build_without_cache_leaves_no_trace(
    make_config: MakeConfig, folder: Path, runs: list[int]
) -> None:
    for _ in range(2):
        build(_int8(make_config), use_cache=False)
    assert runs == [12, 12]
    assert not folder.exists()


def _change_pixel(images: Path) -> None:
    path = images / "class0" / "img0.png"
    picture = cv2.imread(str(path))
    assert picture is not None
    picture[0, 0, 0] ^= 1
    cv2.imwrite(str(path), picture)


def test_build_notices_one_changed_pixel(
    make_config: MakeConfig, images: Path, folder: Path, runs: list[int]
) -> None:
    build(_int8(make_config))
    _change_pixel(images)
    build(_int8(make_config), force=True)
    assert runs == [12, 12]


def test_build_notices_one_changed_weight(
    make_config: MakeConfig, folder: Path, runs: list[int]
) -> None:
    build(_int8(make_config))
    model = residual()
    tensor = model.graph.initializer[0]
    values = onnx.numpy_helper.to_array(tensor).copy()
    values.flat[0] += np.float32(0.01)
    tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    build(make_config(model, "int8"), force=True)
    assert runs == [12, 12]


def test_build_notices_one_changed_parameter_of_the_preprocessing(
    make_config: MakeConfig, folder: Path, runs: list[int]
) -> None:
    config = _int8(make_config)
    build(config)
    assert config.dataset is not None
    ops = tuple(
        Normalize(mean=(0.5,) * 3, std=(0.5,) * 3) if isinstance(op, Normalize) else op
        for op in config.dataset.process_ops
    )
    build(_int8(make_config, dataset={"process_ops": ops}), force=True)
    assert runs == [12, 12]


_KILLED = """
import os, signal, sys
from vackit.compiler.calibration import calibrate, collect
from vackit.compiler.calibration.cache import StatisticsCache
from vackit.cli.vamc import main

save = StatisticsCache.save
def save_and_die(self, state):
    save(self, state)
    if state.total.num_images == 8:
        os.kill(os.getpid(), signal.{signal})
StatisticsCache.save = save_and_die
collect.Collector.__init__.__kwdefaults__["interval"] = 4
sys.exit(main(sys.argv[1:]))
"""

_YAML = """
name: killed
frontend: {{type: onnx, checkpoint: model.onnx, shape: {{input: [1, 3, 8, 8]}}}}
backend:
  type: tvm_vacc
  dtype: int8
  quantize: {{calibrate_mode: percentile, quantize_per_channel: true}}
dataset:
  path: images
  sampler: {{suffix: png, get_data_num: 12}}
  process_ops:
    - {{type: DecodeImage}}
    - {{type: Resize, size: [8, 8]}}
    - {{type: ToTensor}}
workspace: {{path: {workspace}}}
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_build_goes_on_after_being_killed_and_gives_the_same_bytes(
    name: str, images: Path, tmp_path: Path, folder: Path, runs: list[int]
) -> None:
    onnx.save(residual(), tmp_path / "model.onnx")

    def command(workspace: str) -> list[str]:
        path = tmp_path / f"{workspace}.yaml"
        path.write_text(_YAML.format(workspace=tmp_path / workspace))
        return ["build", str(path)]

    script = _KILLED.format(signal=name)
    dead = subprocess.run([sys.executable, "-c", script, *command("one")], capture_output=True)
    assert dead.returncode == (-signal.SIGKILL if name == "SIGKILL" else 130), dead.stderr
    assert not list((tmp_path).glob("one/**/*.vackit.json"))
    from vackit.cli.vamc import main

    assert main(command("one")) == 0
    assert runs == [4]
    assert main([*command("two"), "--no_cache"]) == 0
    assert runs == [4, 12]
    table = "killed/mod.calibration.json"
    assert (tmp_path / "one" / table).read_bytes() == (tmp_path / "two" / table).read_bytes()
    for suffix in (".onnx", ".onnx.data"):
        one, two = (tmp_path / w / f"killed/mod{suffix}" for w in ("one", "two"))
        assert one.read_bytes() == two.read_bytes()
