"""Sweeps: one executor for all jobs, failures told, identical stores, nothing done twice."""

import csv
import json
import re
from pathlib import Path

import pytest
import xarray as xr

from lens_pipeline.pipeline.cli import main
from tests.pipeline.test_cli import TINY

SETTINGS = [word for word in TINY if not word.startswith("model.target")]
SWEEP = ["-m", *SETTINGS, "model.target=tiny_net:net,tiny_net:other", "layers=[conv],[cell]"]


def rows(folder: Path) -> list[dict[str, str]]:
    """The rows of sweep.csv."""
    with (folder / "sweep.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def job_folders(folder: Path) -> list[Path]:
    """The run folders of a sweep, in its order."""
    plain = json.loads((folder / "sweep.json").read_text())
    return [Path(job["folder"]) for job in plain["jobs"]]


def shards(folder: Path) -> dict[str, int]:
    """When each shard of each job was written."""
    return {p.as_posix(): p.stat().st_mtime_ns for p in folder.glob("*/shards/*.nc")}


def test_executors_give_identical_stores(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Four jobs in this process and on one Dask cluster: the same trees and the same table."""
    assert main([*SWEEP, "run.folder=one"]) == 0
    assert main([*SWEEP, "run.folder=two", "executor=dask"]) == 0
    captured = capsys.readouterr()
    assert captured.err.count("Dask dashboard: ") <= 2
    first, second = job_folders(nets / "one"), job_folders(nets / "two")
    assert [path.name for path in first] == [path.name for path in second]
    assert len(set(first)) == 4
    for here, there in zip(first, second, strict=True):
        # their contents, since HDF5 need not put them in one place each time
        for name, read in (("activations.nc", xr.open_datatree), ("rdms.nc", xr.open_dataset)):
            with read(here / name) as mine, read(there / name) as others:
                assert mine.identical(others)
        for name in ("layers.csv", "health.csv"):
            assert (here / name).read_bytes() == (there / name).read_bytes()
    table = rows(nets / "one")
    assert [row["model.target"] for row in table[:3]] == ["tiny_net:net"] * 3 or table[0]["layer"]
    assert {row["layer"] for row in table} == {"conv", "cell"}
    assert len(table) == 2 * (1 + 3)
    without = [{k: v for k, v in row.items() if k != "folder"} for row in rows(nets / "two")]
    assert without == [{k: v for k, v in row.items() if k != "folder"} for row in table]


def test_a_job_that_fails_is_told_and_the_others_go_on(
    nets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In planning (no such layer) and in mid-run (an image that cannot be decoded)."""
    words = ["-m", *TINY, "layers=[conv],[covn],[cell]", "run.folder=out"]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert "failed layers=[covn]: Selector 'covn' matched nothing" in captured.err
    assert "2 done, 1 failed" in captured.out
    # the reason stands below the table, whose rows stay as long as a folder's name
    assert "\nfailed layers=[covn]: Selector 'covn' matched nothing" in captured.out
    assert not re.search(r"failed .*Selector.* {2,}", captured.out)
    assert main(["status", "out"]) == 0
    assert "out: 3 jobs: 2 done, 1 failed" in capsys.readouterr().out
    (nets / "images" / "image5.png").write_bytes(b"no image")
    assert main(words) == 2
    captured = capsys.readouterr()
    assert "3 failed" in captured.out
    assert "image5.png" in captured.err
    main(["status", "out"])
    assert "5/6 shards" in capsys.readouterr().out


def test_a_finished_sweep_is_recognised(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No worker is started and no shard is written again; what is missing alone is made."""
    assert main([*SWEEP, "run.folder=out"]) == 0
    before = shards(nets / "out")
    assert main([*SWEEP, "run.folder=out"]) == 0
    assert "4 of them done before" in capsys.readouterr().err
    gone = next(iter(before))
    Path(gone).unlink()
    assert main([*SWEEP, "run.folder=out"]) == 0
    after = shards(nets / "out")
    assert after.keys() == before.keys()
    assert [name for name in after if after[name] != before[name]] == [gone]


def test_a_plan_of_a_sweep_writes_nothing(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per job, then the sum; over the budget the arithmetic and what fits."""
    before = sorted(nets.rglob("*"))
    assert main(["plan", *SWEEP]) == 0
    out = capsys.readouterr().out
    assert "4 of 4 jobs to do: " in out
    assert main(["plan", *SWEEP, "run.max_disk=40kB"]) == 2
    err = capsys.readouterr().err
    assert "4 jobs with 49.7 kB of activations (most in net-images-" in err
    assert "run.max_disk is 40.0 kB" in err
    assert "postfunction=spatial_mean would take about" in err
    assert main([*SWEEP, "run.max_memory=100MB"]) == 2
    assert "does not fit the memory: " in capsys.readouterr().err
    made = {path for path in nets.rglob("*") if "__pycache__" not in path.parts} - set(before)
    assert {path.name for path in made} <= {"runs", "sweeps", "sweep.json"} | {
        path.name for path in made if path.name.startswith("4-jobs-")
    }


def test_the_same_job_twice_is_done_once(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two names of one job would claim one folder."""
    assert main(["-m", *TINY, "runtime.batch_size=2,3", "run.folder=out"]) == 0
    assert "runtime.batch_size=3 asks for the same as" in capsys.readouterr().err
    assert len(job_folders(nets / "out")) == 1


@pytest.mark.parametrize("online", ["false", "true"])
def test_jobs_that_differ_in_their_analysis_share_activations(
    nets: Path, online: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are computed once and need the disk once; what is made of them is each job's own."""
    words = ["-m", *TINY, "layers=[conv]", "rsa.method=correlation,euclidean", "run.folder=out"]
    assert main([*words, f"rsa.online={online}"]) == 0
    captured = capsys.readouterr()
    said = "rsa.method=euclidean takes the activations of rsa.method=correlation, computed once"
    assert said in captured.err
    assert re.search(r"^rsa.method=euclidean +6 +0 ", captured.err, re.MULTILINE)
    first, second = job_folders(nets / "out")
    with xr.open_dataset(first / "rdms.nc") as mine, xr.open_dataset(second / "rdms.nc") as others:
        assert not mine["rdm"].equals(others["rdm"])
    made = [sorted((folder / "shards").glob("*.nc")) for folder in (first, second)]
    assert len(made[0]) == len(made[1]) == (6 if online == "false" else 0)
    for one, other in zip(*made, strict=True):
        assert one.samefile(other)
    assert main([*words, f"rsa.online={online}"]) == 0
    assert "2 jobs, 2 of them done before" in capsys.readouterr().err


def test_what_fails_for_one_fails_for_those_that_share_it(
    nets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And it is told of each."""
    (nets / "images" / "image5.png").write_bytes(b"no image")
    words = ["-m", *TINY, "layers=[conv]", "rsa.method=correlation,euclidean", "run.folder=out"]
    assert main(words) == 2
    captured = capsys.readouterr()
    assert captured.err.count("image5.png") == 2
    assert "2 failed" in captured.out


def test_one_executor_for_all(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists of executors are no sweep."""
    assert main(["-m", *TINY, "executor=serial,dask"]) == 2
    assert "A sweep has one executor for all of its jobs" in capsys.readouterr().err
    assert not (nets / "runs").exists()
