"""Dask workers that die, schedulers that are not there, already are, or are lost."""

import functools
import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from distributed import LocalCluster
from distributed.comm import CommClosedError

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.executors import dask_executor
from lens_pipeline.pipeline.executors.dask_executor import _arrivals, _Errand, _Errands, open_dask
from lens_pipeline.pipeline.executors.registry import unreported
from lens_pipeline.pipeline.executors.spreading import Spread
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from tests.pipeline.toys import DyingAtTheDoor, squaring

ROOT = Path(__file__).parents[3]


def test_a_worker_killed_in_mid_task_is_replaced(tmp_path: Path) -> None:
    """Its task is done again, and the results are as if nothing had happened."""
    with open_dask(ExecutorConfig("dask", workers=2)) as carry_out:
        setup = functools.partial(squaring, tmp_path, deadly=2)
        results = list(carry_out({"a": range(6)}, setup, report=unreported))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "died").exists()


def test_a_worker_killed_before_its_first_task_is_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It dies while it is told of the run, so that the telling itself fails."""
    monkeypatch.setenv("LENS_TOY_NOTES", str(tmp_path))
    monkeypatch.setattr(dask_executor, "Prepared", DyingAtTheDoor)
    with open_dask(ExecutorConfig("dask", workers=2)) as carry_out:
        setup = functools.partial(squaring, tmp_path)
        results = list(carry_out({"a": range(6)}, setup, report=unreported))
    assert sorted(square for square, _ in results) == [0, 1, 4, 9, 16, 25]
    assert (tmp_path / "died").exists()


@pytest.mark.parametrize("n_failures", [3, 99])
def test_the_telling_goes_on_until_a_dead_worker_is_noticed(
    n_failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a while, and then the scheduler counts as lost."""
    monkeypatch.setattr(dask_executor, "_LOOK", 0.0)
    told = []

    class Client:
        def register_plugin(self, plugin: Any, *, name: str) -> None:
            told.append(name)
            if len(told) <= n_failures:
                raise CommClosedError("Connection reset by peer")

    class Plugin:
        name = "run"

    if n_failures == 3:
        dask_executor._register(Client(), Plugin())  # type: ignore[arg-type]
    else:
        with pytest.raises(dask_executor._SchedulerLostError):
            dask_executor._register(Client(), Plugin())  # type: ignore[arg-type]
    assert 4 <= len(told) < 9


def test_a_deadly_task_is_named_by_its_queue(tmp_path: Path) -> None:
    """After four dead workers the task is given up, and the other queue is done."""
    told: list[tuple[str, str]] = []
    with open_dask(ExecutorConfig("dask", workers=2)) as carry_out:
        results = carry_out(
            {"alexnet": [3], "resnet18": range(5, 8)},
            functools.partial(squaring, tmp_path, deadly=3, always=True),
            report=unreported,
            failed=lambda queue, _task, error: told.append((queue, str(error))),
        )
        assert sorted(square for square, _ in results) == [25, 36, 49]
    ((queue, sentence),) = told
    assert queue == "alexnet"
    assert "Workers kept dying under one task of alexnet, most likely for want of mem" in sentence


class _Lost:
    """A future whose result died with its worker, and which is done again a moment later."""

    key = "lost"

    def __init__(self) -> None:
        self.asked = 0

    def result(self, *, timeout: float) -> int:
        self.asked += 1
        if self.asked == 1:
            raise TimeoutError
        return 9

    def add_done_callback(self, function: Callable[[Any], None]) -> None:
        function(self)


def test_a_result_that_died_with_its_worker_is_waited_for_again() -> None:
    """The scheduler has it made again; a future would tell that it is done only once."""
    errand, future = _Errand("a", 3, "tcp://gone"), _Lost()
    errands = _Errands(Spread({}), out={future.key: errand})
    errands.futures[future.key] = future  # type: ignore[assignment]
    errands.arrived.put(future)  # type: ignore[arg-type]
    assert list(_arrivals(errands)) == []
    assert list(_arrivals(errands)) == [(errand, 9)]
    assert not errands.out


def test_a_running_scheduler_is_used_and_left_running(tmp_path: Path) -> None:
    """executor.address reaches a cluster that others started; twice, with another setup.

    What others have to say about theirs is said afterwards as before.
    """
    before = logging.getLogger("distributed.client").level
    with LocalCluster(  # type: ignore[no-untyped-call]
        n_workers=1, threads_per_worker=2, processes=True, dashboard_address="127.0.0.1:0"
    ) as cluster:
        options = ExecutorConfig("address", address=cluster.scheduler_address)
        for _ in range(2):
            setup = functools.partial(squaring, tmp_path)
            with open_dask(options) as carry_out:
                results = list(carry_out({"a": range(3)}, setup, report=unreported))
            assert sorted(square for square, _ in results) == [0, 1, 4]
            assert logging.getLogger("distributed.client").level == before


def test_no_scheduler_at_the_address_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the address and the way out."""
    monkeypatch.setattr("lens_pipeline.pipeline.executors.dask_clusters.PATIENCE", 0.5)
    options = ExecutorConfig("address", address="tcp://127.0.0.1:9")
    with (
        pytest.raises(LensError, match=r"No Dask scheduler answers at executor.address=tcp://127"),
        open_dask(options),
    ):
        pass


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _scheduler(port: int, folder: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A scheduler and a worker in processes of their own; yields what to kill and add to."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        start(processes, port, folder)
        yield processes
    finally:
        for process in processes:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        # connections that were cut off are told here, and not of a later test
        with warnings.catch_warnings(action="ignore", category=ResourceWarning):
            gc.collect()


def start(processes: list[subprocess.Popen[bytes]], port: int, folder: Path) -> None:
    """Start a scheduler and a worker of it."""
    address = f"tcp://127.0.0.1:{port}"
    words = ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"]
    worker = ["worker", address, "--nthreads", "1", "--no-dashboard", "--local-directory"]
    for arguments in (words, [*worker, str(folder)]):
        processes.append(  # noqa: PERF401  both are to be killed if the second fails
            subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments],
                cwd=ROOT,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )


@contextmanager
def slowly(_queue: str) -> Iterator[object]:
    """Tasks of a quarter of a second."""

    def work(task: int, _report: object) -> int:
        time.sleep(0.25)
        return task

    yield work


@pytest.mark.slow
@pytest.mark.parametrize("comes_back", [True, False])
def test_a_scheduler_that_is_killed(
    comes_back: bool,  # noqa: FBT001  pytest's
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where another answers at its address, the work goes on; else the job is named."""
    monkeypatch.setattr("lens_pipeline.pipeline.executors.dask_clusters.PATIENCE", 8)
    port, done = _free_port(), []
    options = ExecutorConfig("address", address=f"tcp://127.0.0.1:{port}")
    with _scheduler(port, tmp_path) as processes, open_dask(options) as carry_out:
        results = carry_out({"alexnet": range(12)}, slowly, report=unreported)
        done += [next(results) for _ in range(3)]
        for process in processes:
            os.killpg(process.pid, signal.SIGKILL)
        if comes_back:
            start(processes, port, tmp_path)
            assert sorted([*done, *results]) == list(range(12))
            return
        with pytest.raises(LensError, match=r"scheduler at tcp://127.0.0.1:\d+ was lost during al"):
            list(results)
