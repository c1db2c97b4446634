"""A disk that is full in the middle of a run or a sweep: one sentence, nothing lost or corrupt."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import xarray as xr

from lens_pipeline.pipeline.cli import main
from lens_pipeline.store.shards import verify_shard
from tests.pipeline.test_cli import TINY

# Larger than config.yaml and record.json, smaller than a shard.
MOST = 9_000


@contextmanager
def _files_no_larger_than(n_bytes: int) -> Iterator[None]:
    """Let writes beyond that size fail, as they do on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def _leftovers(folder: Path) -> list[Path]:
    return list(folder.rglob("*.part"))


def test_a_run_stops_and_goes_on(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shard is named, no half of it is there, status has the reason; then there is room."""
    words = [*TINY, "layers=[conv]", "run.folder=out"]
    with _files_no_larger_than(MOST):
        assert main(words) == 2
    told = capsys.readouterr().err.splitlines()[-1]
    assert told.startswith("lens-pipeline: Could not write ")
    assert "/out/shards/" in told
    assert told.endswith("make room or choose another place and give the same command again.")
    assert list((study / "out" / "shards").iterdir()) == []
    main(["status", "out"])
    assert capsys.readouterr().out.startswith("out: failed: 0/6 shards, Could not write ")
    assert main(words) == 0
    assert "6 tasks -> " in capsys.readouterr().err


def test_the_analysis_stops_and_the_activations_stay(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Shards of an earlier run are whole and are not made again."""
    words = [*TINY, "layers=[conv]", "run.folder=out"]
    assert main([*words, "rsa.method=correlation"]) == 0
    shards = {path: path.read_bytes() for path in (study / "out" / "shards").iterdir()}
    capsys.readouterr()
    with _files_no_larger_than(MOST):
        assert main([*words, "rsa.method=euclidean"]) == 2
    assert "Could not write " in capsys.readouterr().err.splitlines()[-1]
    assert {path: path.read_bytes() for path in (study / "out" / "shards").iterdir()} == shards
    assert not _leftovers(study)
    with xr.open_datatree(study / "out" / "activations.nc") as tree:
        assert tree["conv"]["activation"].notnull().all()
    assert main([*words, "rsa.method=euclidean"]) == 0


@pytest.mark.parametrize("executor", ["serial", pytest.param("dask", marks=pytest.mark.slow)])
def test_every_job_of_a_sweep_says_so(
    nets: Path, executor: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """The exit code is 2 and the same command ends it once there is room."""
    words = ["-m", *TINY, "model.target=tiny_net:net,tiny_net:other", "layers=[conv]"]
    words += ["run.folder=out", f"executor={executor}"]
    with _files_no_larger_than(MOST):
        assert main(words) == 2
    captured = capsys.readouterr()
    assert "2 failed" in captured.out
    assert "Could not write " in captured.out
    assert "Traceback" not in captured.err
    assert not list((nets / "out").glob("*/shards/*.nc"))
    assert not _leftovers(nets)
    assert main(words) == 0
    shards = list((nets / "out").glob("*/shards/*.nc"))
    assert len(shards) == 2 * 6
    for shard in shards:
        verify_shard(shard)
