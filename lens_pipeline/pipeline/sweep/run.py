"""A sweep: many jobs, planned together, carried out by one executor, reported as one table.

Hydra composes the jobs; they are run here, so that one Dask cluster serves them all. Every model is
probed first, on the workers, and the whole is refused if the disk or the memory has no room for it.
Then the tasks of all jobs are spread over the workers. A job is analysed as soon as its last task
is done, while the workers are at others; in the end they too analyse what is left. A job that fails
is told and the others go on.
"""

from __future__ import annotations

import logging
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.console import announce, progress, say
from lens_pipeline.pipeline.executors.registry import EXECUTORS, IN_PROCESS
from lens_pipeline.pipeline.job.stages import find_finished
from lens_pipeline.pipeline.sweep.record import (
    Entry,
    SweepRecord,
    sweep_folder,
    write_sweep,
)
from lens_pipeline.pipeline.sweep.table import closing_words, plan_table, write_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.executors.registry import CarryOut
    from lens_pipeline.pipeline.job.budget import Bill
    from lens_pipeline.pipeline.sweep.conclusions import Conclusions
    from lens_pipeline.pipeline.sweep.planning import Planning

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """One combination of the sweep's settings."""

    # what it differs in, as model=alexnet,model.seed=1
    name: str
    config: Config


def read_jobs(composed: Sequence[tuple[str, Mapping[str, Any]]]) -> tuple[Job, ...]:
    """Return the jobs of a sweep from what Hydra composed: (overrides, config) of each.

    Raises ConfigError for the first config that is not allowed, and for jobs that want different
    executors.
    """
    jobs = []
    for name, plain in composed:
        try:
            jobs.append(Job(name, read_config(plain)))
        except ConfigError as error:
            raise ConfigError(f"In the job {name}: {error}") from error
    executors = dict.fromkeys(job.config.executor for job in jobs)
    if len(executors) > 1:
        raise ConfigError(
            "A sweep has one executor for all of its jobs; give one executor= and no lists of its "
            "settings."
        )
    return tuple(jobs)


def run_sweep(jobs: Sequence[Job]) -> bool:
    """Do everything that the jobs ask for, say what came of it, return whether all succeeded.

    Raises BudgetError if there is no room for all, and LensError when the executor fails.
    """
    record = _new_record(jobs)
    todo = _unfinished(record)
    write_sweep(record)
    n = len(record.entries)
    _LOG.info("sweep: %d jobs, %d of them done before -> %s", n, n - len(todo), record.folder)
    if todo:
        with _each_told_once(), _written_at_the_end(record):
            _carry_out(todo, record)
    write_table(record)
    _report(record, anew=bool(todo))
    announce(record.stand_ins())
    say(closing_words(record))
    return not record.failures()


def _report(record: SweepRecord, *, anew: bool) -> None:
    """Write the sweep's page; what it is made of is loaded only where a job was done."""
    if anew or not (record.folder / "report.html").is_file():
        from lens_pipeline.pipeline.sweep.reporting import report_sweep

        folders = [entry.folder for entry in record.entries.values() if entry.folder]
        report_sweep(record.folder, folders)


@contextmanager
def _each_told_once() -> Iterator[None]:
    """Leave out what many jobs have to say alike, such as which stimuli there are."""
    told: set[str] = set()

    def is_new(line: logging.LogRecord) -> bool:
        text = line.getMessage()
        new = text not in told or line.levelno > logging.INFO
        told.add(text)
        return new

    screens = logging.getLogger("lens_pipeline").handlers
    for screen in screens:
        screen.addFilter(is_new)
    try:
        yield
    finally:
        for screen in screens:
            screen.removeFilter(is_new)


@contextmanager
def _written_at_the_end(record: SweepRecord) -> Iterator[None]:
    try:
        yield
    finally:
        write_sweep(record)


def describe_sweep(jobs: Sequence[Job]) -> bool:
    """Say what run_sweep would do, as a table of jobs; return whether all can be planned.

    Nothing is written.

    Raises BudgetError if there is no room for it.
    """
    from lens_pipeline.pipeline.sweep.planning import Planning, check_bills, plan_jobs

    record = _new_record(jobs)
    planning = Planning(record)
    with _each_told_once(), EXECUTORS["serial"](jobs[0].config.executor) as carry_out:
        plan_jobs(_unfinished(record), planning, carry_out)
    announce(record.stand_ins())
    say(plan_table(record, _bills(planning)))
    check_bills(planning.planned)
    return not record.failures()


def _new_record(jobs: Sequence[Job]) -> SweepRecord:
    folder = sweep_folder([job.config for job in jobs])
    return SweepRecord(folder, {job.name: Entry(job.config) for job in jobs})


def _bills(planning: Planning) -> dict[str, Bill]:
    return {name: one.bill for name, one in planning.planned.items()}


def _unfinished(record: SweepRecord) -> list[str]:
    """Note where the jobs are whose results stand, and return the names of the others."""
    todo = []
    for name, entry in list(record.entries.items()):
        finished = find_finished(entry.config, sweep=True)
        if finished is None:
            todo.append(name)
            continue
        folder, of = finished
        model = replace(entry.config.model, seed=of.config["model"]["seed"])
        config = replace(entry.config, model=model)
        record.found(name, folder, config=config, stand_ins=of.stand_ins)
    return todo


def _carry_out(todo: Sequence[str], record: SweepRecord) -> None:
    from lens_pipeline.pipeline.sweep.conclusions import concluding
    from lens_pipeline.pipeline.sweep.planning import Planning, check_bills, plan_jobs

    options = record.entries[todo[0]].config.executor
    planning = Planning(record)
    with (
        concluding(record, aside=options.name not in IN_PROCESS) as conclusions,
        EXECUTORS[options.name](options) as carry_out,
    ):
        _LOG.info("planning %d jobs", len(todo))
        plan_jobs(todo, planning, carry_out)
        write_sweep(record)
        _LOG.info("%s", plan_table(record, _bills(planning)))
        check_bills(planning.planned)
        _extract(planning, conclusions, carry_out)
        conclusions.share(carry_out)


def _extract(planning: Planning, conclusions: Conclusions, carry_out: CarryOut) -> None:
    from lens_pipeline.pipeline.sweep.jobs import running_jobs, setup_of

    bills = _bills(planning).values()
    n, left = sum(bill.n_stimuli for bill in bills), sum(bill.n_left for bill in bills)
    n_bytes = sum(bill.n_left * bill.each for bill in bills)
    setup = setup_of(planning.planned)
    with (
        running_jobs(planning, conclusions) as jobs,
        progress(n, n_bytes, done=n - left) as report,
        closing(carry_out(jobs.queues(), setup, report=report, failed=jobs.failed)) as done,  # type: ignore[type-var]
    ):
        for name, task in done:
            jobs.task_done(name, task)
