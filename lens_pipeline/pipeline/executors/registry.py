"""Executors: the ways in which the tasks of a run, or of a whole sweep, are carried out.

An executor is opened once and then carries out queues of tasks, as often as it is asked. Tasks of
one queue share a `setup`, which a worker enters to get the function that does one task, and leaves
before it takes a task of another queue: so a worker holds one model at a time. Results come as they
are ready, in any order. An executor knows nothing of models or shards, so every one can be held to
one contract with toy tasks.

An exception that a task raises goes to `failed`; without it, it comes out of the iterator, and what
was yielded before stays valid.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from lens_pipeline.pipeline.sections.executor import ExecutorConfig

# called with (stimuli, bytes) done since the last call, from any thread
Report = Callable[[int, int], None]
# does one task, reporting as it goes
Work = Callable[[Any, Report], Any]
# from the name of a queue to what a worker enters for its tasks; picklable
Setup = Callable[[str], AbstractContextManager[Work]]
# called with the queue, the task and what it raised
Failed = Callable[[str, Any, Exception], None]
# by name, in the order in which they are begun; each is read as workers become free
Queues = Mapping[str, Iterable[Any]]


def unreported(_stimuli: int, _size: int) -> None:
    """Report to nobody."""


class CarryOut(Protocol):
    """Carries out every task of every queue, once, and yields what each returned."""

    def __call__(
        self, queues: Queues, setup: Setup, *, report: Report, failed: Failed | None = None
    ) -> Iterator[Any]:
        """Enter `setup` per worker and queue; `report` is called as work goes on."""
        ...


class Executor(Protocol):
    """Opens what carries out tasks: nothing, some processes, or a cluster."""

    def __call__(self, options: ExecutorConfig) -> AbstractContextManager[CarryOut]:
        """Return what has to be entered; leaving it stops every worker it started."""
        ...


@contextmanager
def serial(options: ExecutorConfig) -> Iterator[CarryOut]:  # noqa: ARG001  one signature for all
    """Carry out the tasks one after the other in this process."""
    yield _one_by_one


def _one_by_one(
    queues: Queues, setup: Setup, *, report: Report, failed: Failed | None = None
) -> Iterator[Any]:
    for name, tasks in queues.items():
        with ExitStack() as stack:
            work: Work | None = None
            for task in tasks:
                try:
                    work = work or stack.enter_context(setup(name))
                    result = work(task, report)
                except Exception as error:
                    if _is_interrupt(error):
                        raise KeyboardInterrupt from error
                    if failed is None:
                        raise
                    failed(name, task, error)
                else:
                    yield result


def _is_interrupt(error: BaseException | None) -> bool:
    """Say whether Ctrl-C is behind an error: inside a lock of Python's it ends as the lock's."""
    while error is not None:
        if isinstance(error, KeyboardInterrupt):
            return True
        error = error.__context__
    return False


@contextmanager
def dask(options: ExecutorConfig) -> Iterator[CarryOut]:
    """Carry out the tasks in Dask workers: local ones, those of a scheduler, or of a cluster."""
    from lens_pipeline.pipeline.executors.dask_executor import open_dask

    with open_dask(options) as carry_out:
        yield carry_out


EXECUTORS: Mapping[str, Executor] = {
    "serial": serial,
    "dask": dask,
    "address": dask,
    "slurm": dask,
    "pbs": dask,
    "sge": dask,
}

# Executors that work in the process of the caller, and so may be handed its loaded model.
IN_PROCESS = frozenset({"serial"})
# Executors whose workers are batch jobs of a cluster.
BATCH = frozenset({"slurm", "pbs", "sge"})
