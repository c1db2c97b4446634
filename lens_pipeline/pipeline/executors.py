"""Executors: the ways in which a run's tasks are carried out.

An executor is a function. It takes tasks and a `setup`, enters the setup once per worker to get the
function that does one task, and yields results as they are ready, in any order. It knows nothing of
models or shards, so every executor can be held to one contract with toy tasks.

An exception that a task raises comes out of the iterator; what was yielded before it stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lens_pipeline.pipeline.config import ExecutorConfig

# called with (stimuli, bytes) done since the last call, from any thread
Report = Callable[[int, int], None]
# does one task, reporting as it goes
Work = Callable[[Any, Report], Any]
# picklable; entered once per worker, left when the worker is done
Setup = Callable[[], AbstractContextManager[Work]]


class Executor(Protocol):
    """Carries out every task, once, and yields what each returned."""

    def __call__(
        self, tasks: Sequence[Any], setup: Setup, *, options: ExecutorConfig, report: Report
    ) -> Iterator[Any]:
        """Enter `setup` once per worker; `report` is called as work goes on."""
        ...


def serial(
    tasks: Sequence[Any],
    setup: Setup,
    *,
    options: ExecutorConfig,  # noqa: ARG001  one signature for all executors
    report: Report,
) -> Iterator[Any]:
    """Carry out the tasks one after the other in this process."""
    with setup() as work:
        for task in tasks:
            yield work(task, report)


def dask(
    tasks: Sequence[Any], setup: Setup, *, options: ExecutorConfig, report: Report
) -> Iterator[Any]:
    """Carry out the tasks in Dask worker processes."""
    from lens_pipeline.pipeline.dask_executor import run_on_dask

    return run_on_dask(tasks, setup, options=options, report=report)


EXECUTORS: Mapping[str, Executor] = {"serial": serial, "dask": dask}

# Executors that work in the process of the caller, and so may be handed its loaded model.
IN_PROCESS = frozenset({"serial"})
