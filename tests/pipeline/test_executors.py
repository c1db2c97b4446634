"""The contract of executors, held to by every one of them."""

import functools
import os
from pathlib import Path

import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.pipeline.config import ExecutorConfig
from lens_pipeline.pipeline.executors import EXECUTORS, IN_PROCESS
from tests.pipeline.toys import squaring

TASKS = range(7)


@pytest.mark.parametrize("name", EXECUTORS)
def test_every_executor_does_every_task_once(name: str, tmp_path: Path) -> None:
    """All results come, each worker is set up once and left, and reports add up."""
    reports: list[tuple[int, int]] = []
    results = list(
        EXECUTORS[name](
            TASKS,
            functools.partial(squaring, tmp_path),
            options=ExecutorConfig(name, workers=2),
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


@pytest.mark.parametrize("name", EXECUTORS)
def test_what_a_task_raises_comes_out(name: str, tmp_path: Path) -> None:
    """The caller sees the task's own exception, and results before it were given out."""
    results = EXECUTORS[name](
        TASKS,
        functools.partial(squaring, tmp_path, bad=3),
        options=ExecutorConfig(name, workers=1),
        report=lambda _stimuli, _size: None,
    )
    with pytest.raises(StimulusError, match="stimulus 3 cannot be decoded"):
        list(results)


@pytest.mark.parametrize("name", EXECUTORS)
def test_no_tasks_give_no_results(name: str, tmp_path: Path) -> None:
    """An empty plan is done at once."""
    results = EXECUTORS[name](
        [],
        functools.partial(squaring, tmp_path),
        options=ExecutorConfig(name),
        report=lambda _stimuli, _size: None,
    )
    assert list(results) == []
