"""The contract of executors, held to by every one that works without a batch system."""

import functools
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.pipeline.executors.registry import (
    BATCH,
    EXECUTORS,
    IN_PROCESS,
    Report,
    Work,
    unreported,
)
from lens_pipeline.pipeline.sections.executor import ExecutorConfig
from tests.pipeline.toys import squaring

TASKS = range(7)
NAMES = [name for name in EXECUTORS if name not in {*BATCH, "address"}]


@pytest.mark.parametrize("name", NAMES)
def test_every_executor_does_every_task_once(name: str, tmp_path: Path) -> None:
    """All results come, each worker is set up once and left, and reports add up."""
    reports: list[tuple[int, int]] = []
    with EXECUTORS[name](ExecutorConfig(name, workers=2)) as carry_out:
        results = list(
            carry_out(
                {"a": TASKS},
                functools.partial(squaring, tmp_path),
                report=lambda stimuli, size: reports.append((stimuli, size)),
            )
        )
    assert sorted(square for square, _ in results) == [task * task for task in TASKS]
    setups = (tmp_path / "setups").read_text().split()
    assert sorted(set(setups)) == sorted(setups)
    assert (tmp_path / "left").exists()
    assert all(report == (1, 10) for report in reports)
    in_process = {pid for _, pid in results} == {os.getpid()}
    assert in_process == (name in IN_PROCESS)
    if name in IN_PROCESS:
        assert len(reports) == len(TASKS)


@pytest.mark.parametrize("name", NAMES)
def test_what_a_task_raises_comes_out(name: str, tmp_path: Path) -> None:
    """The caller sees the task's own exception, and results before it were given out."""
    with EXECUTORS[name](ExecutorConfig(name, workers=1)) as carry_out:
        results = carry_out(
            {"a": TASKS}, functools.partial(squaring, tmp_path, bad=3), report=unreported
        )
        with pytest.raises(StimulusError, match="stimulus 3 cannot be decoded"):
            list(results)


@pytest.mark.parametrize("name", NAMES)
def test_queues_share_the_workers_and_fail_alone(name: str, tmp_path: Path) -> None:
    """What one queue's task raises is told with its queue; all others are done, twice over."""
    told: list[tuple[str, int, str]] = []
    queues = {"a": range(3), "b": range(3, 6), "none": (), "c": range(6, 9)}
    with EXECUTORS[name](ExecutorConfig(name, workers=2)) as carry_out:
        for _ in range(2):
            results = carry_out(
                queues,
                functools.partial(squaring, tmp_path, bad=4),
                report=unreported,
                failed=lambda queue, task, error: told.append((queue, task, str(error))),
            )
            squares = sorted(square for square, _ in results)
            assert squares == [task * task for task in range(9) if task != 4]
    assert told == [("b", 4, "stimulus 4 cannot be decoded")] * 2
    setups = (tmp_path / "setups").read_text().split()
    assert {setup.partition("-")[2] for setup in setups} == {"a", "b", "c"}


@pytest.mark.parametrize("name", NAMES)
def test_a_queue_is_read_as_workers_become_free(name: str, tmp_path: Path) -> None:
    """A queue may decide late whether it goes on: not all of it is read before work begins."""
    read: list[int] = []

    def queue() -> Iterator[int]:
        for task in range(20):
            read.append(task)
            yield task

    with EXECUTORS[name](ExecutorConfig(name, workers=1)) as carry_out:
        results = iter(
            carry_out({"a": queue()}, functools.partial(squaring, tmp_path), report=unreported)
        )
        next(results)
        assert len(read) < 5
        assert len(list(results)) == 19


@pytest.mark.parametrize("name", NAMES)
def test_no_tasks_give_no_results(name: str, tmp_path: Path) -> None:
    """An empty plan is done at once."""
    with EXECUTORS[name](ExecutorConfig(name)) as carry_out:
        results = carry_out({"a": []}, functools.partial(squaring, tmp_path), report=unreported)
        assert list(results) == []


def test_ctrl_c_inside_a_lock_is_no_failure_of_a_task() -> None:
    """The lock's own error, raised while Ctrl-C is, ends the run and is told to nobody."""

    @contextmanager
    def locked(_name: str) -> Iterator[Work]:
        def work(_task: int, _report: Report) -> None:
            try:
                raise KeyboardInterrupt
            finally:
                threading.Lock().release()

        yield work

    told: list[object] = []
    with EXECUTORS["serial"](ExecutorConfig("serial")) as carry_out:
        for failed in (None, lambda *failure: told.append(failure)):
            with pytest.raises(KeyboardInterrupt):
                list(carry_out({"a": TASKS}, locked, report=unreported, failed=failed))
    assert not told
