"""The jobs of a sweep while it runs: begun late, and handed on once their activations are there.

A job is begun, and its folder claimed, when a worker asks for its first task; until then it costs
nothing. When its last task is done its activations are indexed and it is forgotten but for its
folder: to keep the stimuli of hundreds of jobs would take gigabytes.
"""

from __future__ import annotations

import functools
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.job.kept_shards import check_arithmetic, take_shards, unfinished
from lens_pipeline.pipeline.job.plan import Plan, make_plan
from lens_pipeline.pipeline.job.record import Record, write_record
from lens_pipeline.pipeline.job.run import Done, Orders, extracting, total_seconds
from lens_pipeline.pipeline.job.stages import begin, claimed, get_ready, index, readable_record
from lens_pipeline.pipeline.sweep.conclusions import Indexed
from lens_pipeline.pipeline.sweep.record import tell

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lens_pipeline.pipeline.executors.registry import Report, Setup, Work
    from lens_pipeline.pipeline.sweep.conclusions import Conclusions
    from lens_pipeline.pipeline.sweep.planning import Planned, Planning
    from lens_pipeline.task import Task


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
    # tasks given to workers and not yet done
    out: int = 0
    # every task has been given out
    given: bool = False
    done: list[Done] = field(default_factory=list)


@dataclass(frozen=True)
class RunningJobs:
    """The jobs between their first task and their index."""

    planning: Planning
    conclusions: Conclusions
    _begun: dict[str, _Running] = field(default_factory=dict)

    def queues(self) -> dict[str, Iterator[Task]]:
        """Return each job's tasks; reading the first one begins the job."""
        planned = self.planning.planned
        return {name: self._tasks(name) for name, one in planned.items() if one.shared is None}

    def task_done(self, name: str, done: Done) -> None:
        """Count a task; the last one has its job indexed and handed on."""
        self._begun[name].done.append(done)
        self._begun[name].out -= 1
        self._hand_on_if_done(name)

    def failed(self, name: str, _task: Task, error: Exception) -> None:
        """Give up a job; what it has finished stays."""
        running = self._begun[name]
        running.out -= 1
        if self._failure(name):
            return
        self._tell(name, error)
        with running.stack:
            write_record(running.plan.folder, replace(running.record, failure=self._failure(name)))

    def let_go(self) -> None:
        """Give back the folders of jobs that were not handed on."""
        for running in self._begun.values():
            running.stack.close()

    def _failure(self, name: str) -> str | None:
        return self.planning.record.entries[name].failure

    def _tell(self, name: str, error: Exception) -> None:
        """Note and say why a job failed, and with it those that take its activations."""
        for one in (name, *self._takers(name)):
            tell(self.planning.record, one, error)

    def _takers(self, name: str) -> list[str]:
        planned = self.planning.planned
        return [other for other, one in planned.items() if one.shared == name]

    def _tasks(self, name: str) -> Iterator[Task]:
        try:
            running = self._begin(name)
        except LensError as error:
            self._tell(name, error)
            return
        for task in unfinished(running.plan):
            if self._failure(name):
                return
            running.out += 1
            yield task
        running.given = True
        self._hand_on_if_done(name)

    def _begin(self, name: str) -> _Running:
        one = self.planning.planned[name]
        # listed again, since only so much of a plan was kept
        ready = get_ready(one.config, sweep=True, known=self.planning.known)
        plan = make_plan(one.config, ready.inputs, outline=one.outline, folder=ready.folder)
        if one.orders:
            check_arithmetic(plan, one.orders.structure)
        with ExitStack() as stack:
            stack.enter_context(claimed(plan.folder))
            record = begin(plan, readable_record(plan.folder))
            running = _Running(plan, record, stack.pop_all())
        self._begun[name] = running
        return running

    def _hand_on_if_done(self, name: str) -> None:
        running = self._begun[name]
        if not running.given or running.out or self._failure(name):
            return
        del self._begun[name]
        plan = running.plan
        try:
            with running.stack:
                record = index(plan, running.record, spent=total_seconds(running.done))
                write_record(plan.folder, record)
        except Exception as error:  # noqa: BLE001  the others go on
            self._tell(name, error)
            return
        # before the job is concluded, which may delete its activations
        for other in self._takers(name):
            self._take(other, plan.folder)
        shards = tuple(part.key for part in plan.slices)
        self.conclusions.add(Indexed(name, plan.folder.absolute(), shards))

    def _take(self, name: str, folder: Path) -> None:
        """Begin a job whose activations are in the folder of another, and hand it on."""
        try:
            running = self._begin(name)
            take_shards(running.plan, folder)
        except Exception as error:  # noqa: BLE001  the others go on
            tell(self.planning.record, name, error)
            return
        running.given = True
        self._hand_on_if_done(name)


@contextmanager
def running_jobs(planning: Planning, conclusions: Conclusions) -> Iterator[RunningJobs]:
    """Yield the jobs of a plan to be carried out; at the end no folder is held."""
    jobs = RunningJobs(planning, conclusions)
    try:
        yield jobs
    finally:
        jobs.let_go()
