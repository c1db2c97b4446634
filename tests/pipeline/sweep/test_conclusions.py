"""Jobs of a sweep are concluded in one thread, then by the workers, each folder claimed."""

import logging
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import xarray as xr
from threadpoolctl import threadpool_info

from lens_pipeline.errors import LensError, StoreError
from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.executors.registry import EXECUTORS
from lens_pipeline.pipeline.job.record import read_record, write_record
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from lens_pipeline.pipeline.sweep import conclusions as module
from lens_pipeline.pipeline.sweep.conclusions import (
    Indexed,
    _conclude_there,
    conclude_indexed,
    concluding,
)
from lens_pipeline.pipeline.sweep.record import Entry, SweepRecord
from lens_pipeline.store.lock import folder_lock
from tests.pipeline.sweep.test_run import SWEEP, job_folders

ONE = ("layers=[conv]", "model.target=tiny_net:net")
NAMES = ("a", "b", "c", "d")


@pytest.fixture
def record(tmp_path: Path) -> SweepRecord:
    """A sweep of four jobs of which nothing else is known."""
    entries: dict[str, Entry] = {name: Entry(None) for name in NAMES}  # type: ignore[arg-type]
    return SweepRecord(tmp_path, entries)


def jobs(folder: Path) -> list[Indexed]:
    """Those jobs, indexed."""
    return [Indexed(name, folder / name, ()) for name in NAMES]


def test_workers_conclude_what_the_thread_has_not_begun(
    record: SweepRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each job is concluded once; one that fails there is told like one that fails here."""
    begun, go_on = threading.Event(), threading.Event()
    who: dict[str, str] = {}

    def conclude(job: Indexed) -> None:
        who[job.name] = threading.current_thread().name
        if job.name == "a":
            begun.set()
            assert go_on.wait(10)
        if job.name in "ac":
            raise LensError(f"no {job.name}")

    monkeypatch.setattr(module, "conclude_indexed", conclude)
    with (
        EXECUTORS["serial"](ExecutorConfig()) as carry_out,
        concluding(record, aside=True) as conclusions,
    ):
        for job in jobs(tmp_path):
            conclusions.add(job)
        assert begun.wait(10)
        conclusions.share(carry_out)
        assert sorted(who) == list(NAMES)
        go_on.set()
    here = threading.current_thread().name
    assert who.pop("a") != here
    assert set(who.values()) == {here}
    assert record.failures() == {"a": "no a", "c": "no c"}


def test_without_a_thread_a_job_is_concluded_at_once(
    record: SweepRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a sweep in this process, of which nothing is left to share."""
    concluded: list[Indexed] = []
    monkeypatch.setattr(module, "conclude_indexed", concluded.append)

    def nobody(*_: Any, **__: Any) -> Iterator[Any]:
        raise AssertionError

    with concluding(record, aside=False) as conclusions:
        conclusions.add(jobs(tmp_path)[0])
        assert concluded == jobs(tmp_path)[:1]
        conclusions.share(nobody)


def test_what_was_not_begun_is_not_begun_after_an_interrupt(
    record: SweepRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The job under way is brought to its end, the next run has the others."""
    begun, go_on = threading.Event(), threading.Event()
    concluded: list[str] = []

    def conclude(job: Indexed) -> None:
        begun.set()
        assert go_on.wait(10)
        concluded.append(job.name)

    def interrupted() -> None:
        with concluding(record, aside=True) as conclusions:
            for job in jobs(tmp_path):
                conclusions.add(job)
            assert begun.wait(10)
            threading.Timer(0.2, go_on.set).start()
            raise KeyboardInterrupt

    monkeypatch.setattr(module, "conclude_indexed", conclude)
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert concluded == ["a"]


def test_messages_of_a_worker_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is logged can be sent, nothing is shown there, and logging is as it was before."""

    def conclude(job: Indexed) -> None:
        sys.stderr.write("a bar")
        logging.getLogger("lens_pipeline.health").warning("%s is constant", job.name)
        logging.getLogger("lens_pipeline.health").debug("nothing")

    monkeypatch.setattr(module, "conclude_indexed", conclude)
    logger = logging.getLogger("lens_pipeline")
    before = (logger.level, logger.propagate, list(logger.handlers))
    job, messages = _conclude_there(jobs(tmp_path)[0], lambda _n, _size: None)
    assert job.name == "a"
    assert [(one.levelno, one.getMessage()) for one in messages] == [
        (logging.WARNING, "a is constant")
    ]
    assert (logger.level, logger.propagate, list(logger.handlers)) == before
    assert capsys.readouterr().err == ""


def test_a_folder_that_another_run_has_is_left_alone(nets: Path) -> None:
    """Held, finished, or holding other activations by now."""
    assert main([*SWEEP, *ONE, "run.folder=out"]) == 0
    (folder,) = job_folders(nets / "out")
    found = read_record(folder)
    assert found
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*")}
    job = Indexed("a", folder, tuple(part.key for part in found.slices))
    conclude_indexed(job)
    with pytest.raises(StoreError, match=r"Another run has changed .* meanwhile; give the same co"):
        conclude_indexed(Indexed("a", folder, ("another",)))
    with folder_lock(folder), pytest.raises(StoreError, match="is being written by process"):
        conclude_indexed(job)
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("[!.]*")} == written


def test_threads_of_sums_are_those_of_the_config(
    nets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever this process would take, so that all workers make the same last bits."""
    threads: list[set[int]] = []

    def look(*_: Any, **__: Any) -> None:
        threads.append({one["num_threads"] for one in threadpool_info()})
        raise LensError("enough")

    monkeypatch.setattr(module, "finish", look)
    for number in ("1", "2"):
        assert main([*SWEEP, *ONE, "run.folder=out", f"runtime.threads={number}"]) == 2
    assert threads == [{1}, {2}]


def test_dask_workers_conclude_a_job_or_say_why_not(
    nets: Path, record: SweepRecord, caplog: pytest.LogCaptureFixture
) -> None:
    """From its folder alone; a job whose folder is not what it was fails, and the others go on."""
    assert main([*SWEEP, *ONE, "run.folder=out"]) == 0
    (folder,) = job_folders(nets / "out")
    before = read_record(folder)
    assert before
    with xr.open_dataset(folder / "rdms.nc") as wanted:
        wanted.load()
    (folder / "rdms.nc").unlink()
    write_record(folder, replace(before, outputs={}, seconds={"activations": 9.0}))
    shards = tuple(part.key for part in before.slices)
    gone, record.entries["a"].folder = threading.Event(), folder
    with (
        caplog.at_level(logging.INFO),
        EXECUTORS["dask"](ExecutorConfig("dask", workers=1)) as carry_out,
        concluding(record, aside=True) as conclusions,
    ):
        assert conclusions.thread
        conclusions.thread.submit(gone.wait, 60)
        conclusions.add(Indexed("a", folder, shards))
        conclusions.add(Indexed("b", nets / "nowhere", shards))
        conclusions.share(carry_out)
        gone.set()
    assert list(record.failures()) == ["b"]
    assert "Another run has changed" in record.failures()["b"]
    with xr.open_dataset(folder / "rdms.nc") as found:
        assert found.identical(wanted)
    after = read_record(folder)
    assert after
    assert after.outputs.keys() == before.outputs.keys()
    assert after.seconds["all"] > 9
    told = [one.getMessage() for one in caplog.records if one.name.startswith("lens_pipeline.p")]
    assert told[0] == "jobs left to be concluded by the workers: 2"
    assert "comparing representations" in told
    assert f"done a -> {folder}" in told
