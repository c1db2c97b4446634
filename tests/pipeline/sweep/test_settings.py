"""Settings of whole sweeps from the command line: kept stimuli, storage, a list of models."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import xarray as xr

from lens_pipeline.extraction.batches import batches
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.record import read_record
from lens_pipeline.stimulus_set import decode_image
from lens_pipeline.store.shards import read_shard
from tests.pipeline.sweep.test_run import SWEEP, job_folders
from tests.pipeline.test_cli import TINY


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are decoded in this process, as they are."""
    names: list[str] = []
    module = sys.modules[batches.__module__]
    decode = decode_image

    def counted(path: Path, *content: bytes) -> Any:
        names.append(path.name)
        return decode(path, *content)

    monkeypatch.setattr(module, "decode_image", counted)
    return names


@contextmanager
def _trees(one: Path, other: Path) -> Iterator[tuple[xr.DataTree, xr.DataTree]]:
    with (
        xr.open_datatree(one / "activations.nc") as first,
        xr.open_datatree(other / "activations.nc") as second,
    ):
        yield first, second


def _decodings(names: list[str], run: Callable[[], int]) -> int:
    """Return how many images `run` decodes."""
    names.clear()
    assert run() == 0
    return len(names)


def test_the_second_model_decodes_nothing(nets: Path, decoded: list[str]) -> None:
    """Four jobs on six images decode each once more than their probes do; off, each time anew."""
    words = [*SWEEP, "layers=[conv]", "model.seed=0,1"]
    planning = _decodings(decoded, lambda: main(["plan", *words]))
    off = _decodings(decoded, lambda: main([*words, "run.folder=off", "stimuli.cache=off"]))
    kept = _decodings(decoded, lambda: main([*words, "run.folder=kept"]))
    assert off - planning == 4 * 6
    assert kept - planning == 6
    assert len(list((nets / "runs" / ".stimuli").glob("*/*.pixels"))) == 6
    for one, other in zip(job_folders(nets / "off"), job_folders(nets / "kept"), strict=True):
        with _trees(one, other) as (first, second):
            assert first.identical(second)


def test_a_cache_of_the_users_own_serves_single_runs_too(nets: Path, decoded: list[str]) -> None:
    """stimuli.cache=FOLDER; another crop is not taken for the same."""
    words = [*TINY, "layers=[conv]", "stimuli.cache=mine/pixels"]
    planning = _decodings(decoded, lambda: main(["plan", *words]))
    assert _decodings(decoded, lambda: main([*words, "run.folder=a"])) - planning == 6
    assert _decodings(decoded, lambda: main([*words, "run.folder=b"])) == planning
    crop = [*words, "model.preprocessing.crop=8", "run.folder=c"]
    assert _decodings(decoded, lambda: main(crop)) == planning + 6


def test_storage_from_the_command_line(nets: Path) -> None:
    """dtype is part of what a job is and can be swept over; compression is not."""
    pytest.importorskip("hdf5plugin")
    words = ["-m", *TINY, "layers=[conv]", "run.compression=zstd", "run.folder=out"]
    assert main([*words, "run.dtype=float32,int16-scaled"]) == 0
    exact, scaled = job_folders(nets / "out")
    assert exact.name != scaled.name
    for folder, dtype in ((exact, "float32"), (scaled, "int16")):
        record = read_record(folder)
        assert record
        shards = [read_shard(path) for path in (folder / "shards").glob("*.nc")]
        assert {shard.filters for shard in shards} == {("zstd",)}
        with xr.open_datatree(folder / "activations.nc") as tree:
            values = tree["conv"]["activation"]
            assert values.encoding["dtype"] == dtype
    with _trees(exact, scaled) as (one, other):
        values = other["conv"]["activation"]
        most = values.attrs["largest_error"]
        assert 0 < abs(values - one["conv"]["activation"]).max() <= most


@pytest.mark.slow
def test_a_zoo_is_a_sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    """zoo=small plans six models of six kinds, without -m and without a network."""
    monkeypatch.chdir(tmp_path)
    size = ["model.preprocessing.resize=64", "model.preprocessing.crop=64"]
    words = ["zoo=small", "model.weights=random", "stimuli=sample", "stimuli.limit=4", *size]
    assert main(["plan", *words]) == 0
    out = capsys.readouterr().out
    for name in ("alexnet", "resnet18", "squeezenet1_1", "mobilenet_v3_large", "cornet_z"):
        assert f"model={name} " in out
    assert "6 of 6 jobs to do: " in out
    assert list(tmp_path.iterdir()) == []
