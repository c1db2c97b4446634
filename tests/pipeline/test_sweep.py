"""Sweeps: one executor for all jobs, failures told, identical stores, nothing done twice."""

import csv
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import xarray as xr

from lens_pipeline.pipeline.cli import main
from tests.pipeline.test_cli import COMMAND, TINY

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
        with (
            xr.open_datatree(here / "activations.nc") as mine,
            xr.open_datatree(there / "activations.nc") as others,
        ):
            assert mine.identical(others)
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


def test_one_executor_for_all(nets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Lists of executors are no sweep."""
    assert main(["-m", *TINY, "executor=serial,dask"]) == 2
    assert "A sweep has one executor for all of its jobs" in capsys.readouterr().err
    assert not (nets / "runs").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGKILL, -9)])
@pytest.mark.parametrize("executor", ["serial", "dask"])
def test_a_stopped_sweep_goes_on(
    nets: Path,
    executor: str,
    number: signal.Signals,
    code: int,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Finished shards are kept, what is missing is done: the store of an undisturbed sweep."""
    source = (nets / "tiny_net.py").read_text()
    slow = "import os, time\n" + source.replace(
        "x = torch.relu", "time.sleep(float(os.environ.get('TINY_SLEEPS', 0))); x = torch.relu"
    )
    (nets / "tiny_net.py").write_text(slow)
    words = [*SWEEP, "layers=[conv]"]
    assert _stopped([*words, "run.folder=out", f"executor={executor}"], number, nets) == code
    kept = shards(nets / "out")
    assert 1 <= len(kept) < 12
    assert main([*words, "run.folder=out"]) == 0
    after = shards(nets / "out")
    assert kept.items() <= after.items()
    assert main([*words, "run.folder=whole"]) == 0
    for one, other in zip(job_folders(nets / "out"), job_folders(nets / "whole"), strict=True):
        with (
            xr.open_datatree(one / "activations.nc") as mine,
            xr.open_datatree(other / "activations.nc") as others,
        ):
            # their attributes hold what each run measured of the model
            assert mine.equals(others)
    main(["status", "out"])
    assert "2 jobs: 2 done" in capsys.readouterr().out


def _stopped(words: list[str], number: signal.Signals, folder: Path) -> int:
    """Start a sweep with a slow network, stop it after three stimuli, return its exit code."""
    told = folder / "told.txt"
    # a file, since workers of a killed run hold a pipe open until they have noticed
    with (
        told.open("w") as screen,
        subprocess.Popen(
            [*COMMAND, *words], stderr=screen, env={**os.environ, "TINY_SLEEPS": "0.2"}
        ) as run,
    ):
        while run.poll() is None and "extracting 3/" not in told.read_text():
            time.sleep(0.05)
        run.send_signal(number)
    rest = told.read_text()
    assert "Traceback" not in rest, rest
    assert ("the same command goes on from there" in rest) == (run.returncode == 130), rest
    return run.returncode
