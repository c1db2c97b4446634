"""rsa.online: the same RDMs and tables, no activations, and a rerun that knows it is finished."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import squareform

from lens_pipeline import open_run
from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.words.status import describe_status


@pytest.fixture
def both(study: Path, plain: dict[str, Any]) -> tuple[Path, Path]:
    """A run that keeps activations and one that does not."""
    random = np.random.default_rng(1)
    names = np.array([f"image{n}" for n in range(6)])
    np.savez(study / "brain.npz", IT=squareform(random.random(15)), ids=names)
    plain["rsa"] = {"reference": "brain.npz:IT"}
    kept = run_job({**plain, "run": {"folder": "kept", "shard_megabytes": 0.0001}})
    plain["rsa"]["online"] = True
    return kept, run_job({**plain, "run": {"folder": "online", "shard_megabytes": 0.0001}})


def test_rdms_and_scores_are_those_of_a_run_that_keeps_activations(
    both: tuple[Path, Path],
) -> None:
    """Bit for bit, and nothing but them is left."""
    kept, online = both
    with xr.open_dataset(kept / "rdms.nc") as one, xr.open_dataset(online / "rdms.nc") as other:
        np.testing.assert_array_equal(one["rdm"], other["rdm"])
    assert (kept / "scores.csv").read_text() == (online / "scores.csv").read_text()
    assert (kept / "shards").is_dir()
    assert not (online / "shards").exists()
    assert not (online / "activations.nc").exists()


def test_the_record_status_and_open_run_say_so(both: tuple[Path, Path]) -> None:
    """Gone on purpose is not partial, and not damaged."""
    _, online = both
    run = open_run(online)
    assert "rsa.online=true" in run.record.analysis["activations"]
    assert "done" in describe_status(online)
    assert run.rdms.n_rdm == 4
    with pytest.raises(StoreError, match=r"kept RDMs and no activations \(rsa\.online=true\)"):
        _ = run.activations


def test_commands_about_activations_say_so_before_they_begin(
    both: tuple[Path, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing is computed or called damaged; the files that were kept are verified."""
    monkeypatch.setattr("lens_pipeline.pipeline.job.run.run_tasks", _never)
    for words in (["replay"], ["repack"], ["export", "brainscore"]):
        assert main([words[0], "online", *words[1:]]) == 2
        assert "kept RDMs and no activations (rsa.online=true)" in capsys.readouterr().err
    assert main(["verify", "online"]) == 0
    assert "no activations (rsa.online=true), the other files, every" in capsys.readouterr().out
    assert main(["status", "online"]) == 0
    assert "done: no activations, analysed" in capsys.readouterr().out
    (both[1] / "scores.csv").unlink()
    assert main(["verify", "online"]) == 1
    assert "scores.csv is gone" in capsys.readouterr().out


def test_a_rerun_runs_nothing(
    both: tuple[Path, Path], plain: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same command finds its results; asking for the activations makes them again."""
    again = {**plain, "run": {"folder": "online", "shard_megabytes": 0.0001}}
    before = (both[1] / "rdms.nc").stat().st_mtime_ns
    with monkeypatch.context() as closed:
        closed.setattr("lens_pipeline.pipeline.job.run.run_tasks", _never)
        run_job(again)
    assert (both[1] / "rdms.nc").stat().st_mtime_ns == before
    again["rsa"] = {**again["rsa"], "online": False}
    run_job(again)
    with open_run(both[1]).activations as tree:
        assert tree["conv"]["activation"].sizes["stimulus"] == 6


def _never(*_: object, **__: object) -> None:
    raise AssertionError
