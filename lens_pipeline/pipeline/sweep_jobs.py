"""The jobs of a sweep while it runs: planned on the workers, begun late, concluded one by one.

A job is begun, and its folder claimed, when a worker asks for its first task; until then it costs
nothing. It is concluded in a thread of its own, so that workers do not wait for RDMs and figures;
one job at a time, because HDF5 is not made for two threads.
"""

from __future__ import annotations

import functools
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.budget import Bill, bill_of, check_disk, check_memory
from lens_pipeline.pipeline.plan import Outline, Plan, make_plan
from lens_pipeline.pipeline.probing import (
    ProbeOrder,
    attributes,
    known_outline,
    outline_of,
    probe_as_ordered,
    probe_order,
)
from lens_pipeline.pipeline.record import Record, write_record
from lens_pipeline.pipeline.run import (
    Done,
    Orders,
    extracting,
    finished_keys,
    orders_for,
    total_seconds,
    unfinished,
)
from lens_pipeline.pipeline.stages import (
    Ready,
    begin,
    claimed,
    conclude,
    get_ready,
    readable_record,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from lens_pipeline.digests import FileStamp
    from lens_pipeline.extraction import Structure
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.executors import CarryOut, Report, Setup, Work
    from lens_pipeline.pipeline.sweep_record import SweepRecord
    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Planned:
    """A job of which it is known what it will do; small, whatever the number of stimuli."""

    config: Config
    outline: Outline
    bill: Bill
    # what its workers are told; None where no task is left
    orders: Orders | None


@dataclass(frozen=True)
class Planning:
    """The jobs on their way to a plan; inputs are held only while a worker probes the model."""

    record: SweepRecord
    planned: dict[str, Planned] = field(default_factory=dict)
    # digests of the files that any job reads
    known: dict[str, FileStamp] = field(default_factory=dict)
    _ready: dict[str, Ready] = field(default_factory=dict)

    def orders(self, name: str) -> Iterator[tuple[str, ProbeOrder]]:
        """Find a job's inputs, and yield what to probe unless an earlier run did."""
        config = self.record.entries[name].config
        try:
            ready = get_ready(config, sweep=True, known=self.known)
        except LensError as error:
            tell(self.record, name, error)
            return
        self.known.update(ready.inputs.files)
        self.record.found(name, ready.folder, stand_ins=ready.inputs.stand_ins)
        outline = known_outline(config, ready.inputs, readable_record(ready.folder))
        plan = outline and make_plan(config, ready.inputs, outline=outline, folder=ready.folder)
        if outline and plan and not unfinished(plan):
            self.planned[name] = _planned(ready, outline, None)
            return
        self._ready[name] = ready
        yield name, probe_order(config, ready.inputs)

    def probed(self, name: str, outline: Outline, structure: Structure) -> None:
        """Take what a worker found out."""
        self.planned[name] = _planned(self._ready.pop(name), outline, structure)
        _LOG.info("planned %s", name)

    def failed(self, name: str, _task: Any, error: Exception) -> None:
        """Leave out a job whose model cannot be probed."""
        del self._ready[name]
        tell(self.record, name, error)


def plan_jobs(names: Sequence[str], planning: Planning, carry_out: CarryOut) -> None:
    """Find every job's inputs and probe its model on a worker; jobs that fail are noted."""
    queues = {name: planning.orders(name) for name in names}
    with closing(carry_out(queues, _probing, report=_nothing, failed=planning.failed)) as probes:  # type: ignore[type-var]
        for found in probes:
            planning.probed(*found)
    # in the order of the sweep, whoever was first
    done = dict(planning.planned)
    planning.planned.clear()
    planning.planned.update({name: done[name] for name in names if name in done})


def check_bills(planned: Mapping[str, Planned]) -> None:
    """Raise BudgetError if there is no room for all jobs together."""
    bills = [one.bill for one in planned.values()]
    check_disk(bills)
    check_memory(bills)


def _planned(ready: Ready, outline: Outline, structure: Structure | None) -> Planned:
    plan = make_plan(ready.config, ready.inputs, outline=outline, folder=ready.folder)
    orders = (
        None
        if structure is None
        else orders_for(plan, structure, attrs=attributes(plan), sweep=True)
    )
    bill = bill_of(plan, done=finished_keys(plan))
    return Planned(ready.config, outline, bill, orders)


@contextmanager
def _probing(name: str) -> Iterator[Work]:  # noqa: ARG001  every queue is probed alike
    yield _probe


def _probe(task: tuple[str, ProbeOrder], report: Report) -> tuple[str, Outline, Structure]:  # noqa: ARG001
    name, order = task
    probed = probe_as_ordered(order)
    return name, outline_of(probed), probed.structure


def _nothing(_stimuli: int, _size: int) -> None:
    """Report to nobody."""


def tell(record: SweepRecord, name: str, error: Exception) -> None:
    """Note and say why a job failed; the traceback only of what is no sentence of ours."""
    known = isinstance(error, LensError)
    record.failed(name, str(error) if known else f"{type(error).__name__}: {error}")
    _LOG.error("failed %s: %s", name, error, exc_info=None if known else error)


def setup_of(planned: Mapping[str, Planned]) -> Setup:
    """Return what workers enter for the tasks of each job."""
    orders = {name: one.orders for name, one in planned.items() if one.orders}
    return functools.partial(_extracting_for, orders)


@contextmanager
def _extracting_for(orders: Mapping[str, Orders], name: str) -> Iterator[Work]:
    with extracting(orders, name) as work:
        yield functools.partial(_named, name, work)


def _named(name: str, work: Work, task: Task, report: Report) -> tuple[str, Done]:
    return name, work(task, report)


@dataclass
class _Running:
    """A job that was begun."""

    plan: Plan
    record: Record
    # holds the folder
    stack: ExitStack
    # time.perf_counter() at its beginning
    started: float
    # tasks given to workers and not yet done
    out: int = 0
    # every task has been given out
    given: bool = False
    done: list[Done] = field(default_factory=list)


@dataclass(frozen=True)
class RunningJobs:
    """The jobs between their first task and their last figure."""

    planning: Planning
    # has a function called with an argument, now or aside
    submit: Callable[[Callable[[str], None], str], object]
    _begun: dict[str, _Running] = field(default_factory=dict)

    def queues(self) -> dict[str, Iterator[Task]]:
        """Return each job's tasks; reading the first one begins the job."""
        return {name: self._tasks(name) for name in self.planning.planned}

    def task_done(self, name: str, done: Done) -> None:
        """Count a task; the last one has its job concluded."""
        self._begun[name].done.append(done)
        self._begun[name].out -= 1
        self._conclude_if_done(name)

    def failed(self, name: str, _task: Task, error: Exception) -> None:
        """Give up a job; what it has finished stays."""
        running = self._begun[name]
        running.out -= 1
        if self._failure(name):
            return
        tell(self.planning.record, name, error)
        with running.stack:
            write_record(running.plan.folder, replace(running.record, failure=self._failure(name)))

    def let_go(self) -> None:
        """Give back the folders of jobs that were not concluded."""
        for running in self._begun.values():
            running.stack.close()

    def _failure(self, name: str) -> str | None:
        return self.planning.record.entries[name].failure

    def _tasks(self, name: str) -> Iterator[Task]:
        try:
            running = self._begin(name)
        except LensError as error:
            tell(self.planning.record, name, error)
            return
        for task in unfinished(running.plan):
            if self._failure(name):
                return
            running.out += 1
            yield task
        running.given = True
        self._conclude_if_done(name)

    def _begin(self, name: str) -> _Running:
        started = time.perf_counter()
        one = self.planning.planned[name]
        # Listed again: to keep the stimuli of hundreds of jobs would take gigabytes.
        ready = get_ready(one.config, sweep=True, known=self.planning.known)
        plan = make_plan(one.config, ready.inputs, outline=one.outline, folder=ready.folder)
        with ExitStack() as stack:
            stack.enter_context(claimed(plan.folder))
            record = begin(plan, readable_record(plan.folder))
            running = _Running(plan, record, stack.pop_all(), started)
        self._begun[name] = running
        return running

    def _conclude_if_done(self, name: str) -> None:
        running = self._begun[name]
        if running.given and not running.out and not self._failure(name):
            self.submit(self._conclude, name)

    def _conclude(self, name: str) -> None:
        running = self._begun[name]
        try:
            with running.stack:
                spent = total_seconds(running.done)
                conclude(running.plan, running.record, started=running.started, spent=spent)
            _LOG.info("done %s -> %s", name, running.plan.folder)
        except Exception as error:  # noqa: BLE001  the others go on
            tell(self.planning.record, name, error)


@contextmanager
def running_jobs(planning: Planning, *, aside: bool) -> Iterator[RunningJobs]:
    """Yield the jobs of a plan to be carried out; at the end every one of them is concluded.

    `aside`: conclude jobs in a thread of their own.
    """
    pool = ThreadPoolExecutor(1)
    jobs = RunningJobs(planning, pool.submit if aside else _at_once)
    try:
        yield jobs
    except BaseException:
        pool.shutdown(cancel_futures=True)
        raise
    finally:
        pool.shutdown()
        jobs.let_go()


def _at_once(function: Callable[[str], None], name: str) -> None:
    function(name)
