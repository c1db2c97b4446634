"""Status: what is done in a run, in a sweep and under runs/, told without changing anything."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.job.job import run_job
from lens_pipeline.pipeline.job.record import RECORD, Record, read_record, write_record
from lens_pipeline.pipeline.sweep.record import SWEEP
from lens_pipeline.pipeline.words.status import STATES, describe_status, run_state
from tests.pipeline.test_cli import TINY


@pytest.fixture
def done(study: Path, plain: dict[str, Any]) -> Path:
    """The folder of a finished run."""
    return run_job(plain)


def _record(folder: Path) -> Record:
    record = read_record(folder)
    assert record
    return record


def test_a_finished_run(done: Path) -> None:
    """Its shards, and what it takes on disk; asking changes no file."""
    before = {path: path.stat().st_mtime_ns for path in done.rglob("*")}
    state, told = run_state(done, _record(done))
    assert state == "done"
    size = sum(_record(done).outputs.values())
    assert told == f"6/6 shards, analysed, {size / 1000:.1f} kB"
    assert {path: path.stat().st_mtime_ns for path in done.rglob("*")} == before


def test_a_run_that_was_stopped(done: Path) -> None:
    """Before its last shard, and before its analysis."""
    begun = dataclasses.replace(_record(done), outputs={}, seconds={}, analysis={})
    assert run_state(done, begun) == ("partial", "6/6 shards, not yet analysed")
    next((done / "shards").glob("*.nc")).unlink()
    assert run_state(done, begun) == ("partial", "5/6 shards")


def test_a_truncated_shard_does_not_count(done: Path) -> None:
    """Its name alone says nothing: the record of the run is stale, the shard is missing."""
    shard = next((done / "shards").glob("*.nc"))
    shard.write_bytes(shard.read_bytes()[:-1])
    state, told = run_state(done, _record(done))
    assert state == "stale"
    assert told.startswith("5/6 shards, ")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda study: (study / "images" / "image3.png").write_bytes(b"x"), "image3.png"),
        (lambda study: (study / "images" / "image3.png").unlink(), "image3.png"),
        (lambda study: (study / "tiny_net.py").write_text("# other\n"), "tiny_net.py"),
        (lambda study: (study / "out" / "rdms.nc").unlink(), "rdms.nc"),
    ],
)
def test_what_makes_results_stale_is_named(done: Path, study: Path, change: Any, told: str) -> None:
    """The file that is another one or gone."""
    change(study)
    state, why = run_state(done, _record(done))
    assert state == "stale"
    assert told in why


def test_a_failure_comes_with_its_reason(done: Path) -> None:
    """It says more than what has changed since."""
    failed = dataclasses.replace(_record(done), failure="The disk is full.", outputs={})
    assert run_state(done, failed) == ("failed", "6/6 shards, The disk is full.")


def test_a_sweep_has_every_state(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A row per job in the sweep's order, then how many are in which state."""
    layers = "layers=[conv],[cell],[conv,cell],[covn],[conv:1]"
    assert main(["-m", *TINY, layers, "run.folder=out"]) == 2
    plain = json.loads((study / "out" / SWEEP).read_text())
    folders = [Path(job["folder"]) for job in plain["jobs"] if job["folder"]]
    second, third, last = folders[1], folders[2], folders[-1]
    write_record(second, dataclasses.replace(_record(second), outputs={}, failure="No memory."))
    next((third / "shards").glob("*.nc")).unlink()
    write_record(third, dataclasses.replace(_record(third), outputs={}))
    (last / RECORD).unlink()
    lines = describe_status(study / "out").splitlines()
    rows = {line.split()[0]: line.split()[1] for line in lines[1:6]}
    assert rows == {
        "layers=[conv]": "done",
        "layers=[cell]": "failed",
        "layers=[conv,cell]": "partial",
        "layers=[covn]": "failed",
        "layers=[conv:1]": "waiting",
    }
    assert "No memory." in lines[2]
    assert "5/6 shards" in lines[3]
    assert "Selector 'covn' matched nothing" in lines[4]
    assert lines[-1].endswith("out: 5 jobs: 1 done, 1 partial, 2 failed, 1 waiting")
    assert set(rows.values()) <= set(STATES)


def test_everything_under_runs(study: Path, plain: dict[str, Any]) -> None:
    """A line per run; a damaged one is told among the others, one of another version too."""
    plain["run"] = {"shard_megabytes": 0.005}
    whole = run_job(plain)
    for name, text in (("a", "{"), ("b", '{"format": 0}')):
        (study / "runs" / name).mkdir()
        (study / "runs" / name / RECORD).write_text(text)
    told = describe_status(None)
    assert describe_status(Path("runs")) == told
    first, second, third = told.splitlines()
    assert first.startswith("runs/a: damaged: ")
    assert second == "runs/b: of another version of this package"
    assert third.startswith(f"{whole}: done: 6/6 shards")


def test_where_nothing_is(study: Path) -> None:
    """One sentence, with what to do."""
    with pytest.raises(StoreError, match=r"There are no runs under .*runs; give a folder to"):
        describe_status(None)
    with pytest.raises(StoreError, match=r"There is no run in images: .*, and no folder in it has"):
        describe_status(Path("images"))
