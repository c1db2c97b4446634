"""Running a plan: from tasks to shards and the index, whichever executor does it.

A shard is named by its task's key, so what an earlier run finished under the same key is taken if
it is as it was written, to the byte. Shards of other keys stay until the new index is written: an
index never loses its data to a run that fails.
"""

from __future__ import annotations

import dataclasses
import functools
import logging
import os
import shutil
import socket
import time
from collections import Counter
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import remove_leftovers, replacing
from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.console import progress, shares
from lens_pipeline.pipeline.executors.registry import EXECUTORS, IN_PROCESS, Report, Work
from lens_pipeline.pipeline.job.time_shares import task_seconds
from lens_pipeline.store.index import write_index
from lens_pipeline.store.shards import find_complete, read_shard, shard_path
from lens_pipeline.store.verification import find_damaged
from lens_pipeline.task import versions

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    from lens_pipeline.extraction import Structure
    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.models.spec import ModelSpec
    from lens_pipeline.pipeline.config import StimuliConfig
    from lens_pipeline.pipeline.job.plan import Plan
    from lens_pipeline.pipeline.memory import Need
    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)
SHARDS = "shards"
# Stimuli as they come out of decoding and cropping, for the models of a sweep.
PREPARED = Path("runs") / ".stimuli"


@dataclass(frozen=True)
class Probed:
    """A model in this process and what a traced pass told about it."""

    loaded: LoadedModel
    structure: Structure
    # memory of a worker
    need: Need


@dataclass(frozen=True)
class Orders:
    """What a worker is told about a run, once."""

    spec: ModelSpec
    structure: Structure
    device: str
    # torch threads
    threads: int
    # where shards go
    folder: Path
    # written into every shard
    attrs: Mapping[str, Any]
    # where framed stimuli are kept for other models, and how many bytes; None keeps none
    prepared: Path | None = None
    prepared_bytes: int = 0
    # of the packages that values depend on, as the run has them; empty: whatever a worker has
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Done:
    """A task that a worker has carried out."""

    # of the task and its shard
    key: str
    # by what they were spent on: decoding, computing, writing, waiting
    seconds: Mapping[str, float]
    # when it was, in seconds since the epoch by the worker's clock
    began: float
    ended: float


@dataclass
class _Fitting:
    """What a worker has found out about its memory."""

    # stimuli in a batch that fitted where more did not; None: none was too large
    batch: int | None = None


def finished_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the plan's tasks whose shard is complete, by the end of each file."""
    return find_complete(plan.folder / SHARDS, [part.key for part in plan.slices])


def sound_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the tasks whose shard is as it was written, read to the last byte."""
    folder, keys = plan.folder / SHARDS, [part.key for part in plan.slices]
    total = sum(path.stat().st_size for key in keys if (path := shard_path(folder, key)).exists())
    with _checking(total) as done:
        damaged = find_damaged(folder, keys, done=done)
    if damaged:
        more = f" and {len(damaged) - 1} more" if len(damaged) > 1 else ""
        first = shard_path(folder, min(damaged))
        _LOG.info("not as it was written, so made again: %s%s", first, more)
    return finished_keys(plan) - damaged


@contextmanager
def _checking(total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `total` bytes are read; nothing where that is done in a second."""
    began, read = time.monotonic(), 0
    with ExitStack() as stack:
        report: Callable[[str, float], None] | None = None

        def done(size: int) -> None:
            nonlocal read, report
            read += size
            if report is None and time.monotonic() - began > 1:
                report = stack.enter_context(shares("checking"))
            if report:
                report("kept shards", read / total)

        yield done


def unfinished(plan: Plan, done: Collection[str] | None = None) -> tuple[Task, ...]:
    """Return the plan's tasks that have no sound shard yet; `done`: sound_keys, if known."""
    done = sound_keys(plan) if done is None else done
    parts = zip(plan.tasks, plan.slices, strict=True)
    return tuple(task for task, part in parts if part.key not in done)


def take_shards(plan: Plan, folder: Path) -> None:
    """Give the plan the complete shards that another run has made in `folder`, without a copy.

    A shard is never written to again, so one file may have a name in both.
    """
    missing = {part.key for part in plan.slices} - finished_keys(plan)
    for key in find_complete(folder / SHARDS, missing):
        source, target = (shard_path(one / SHARDS, key) for one in (folder, plan.folder))
        with replacing(target) as temporary:
            try:
                temporary.hardlink_to(source)
            except OSError:
                shutil.copyfile(source, temporary)


def orders_for(
    plan: Plan, structure: Structure, *, attrs: Mapping[str, Any], sweep: bool = False
) -> Orders:
    """Return what the workers of a plan are told; `sweep`: other models want the stimuli too."""
    return Orders(
        spec=plan.inputs.model.spec,
        structure=structure,
        device=plan.inputs.device,
        threads=plan.config.runtime.threads,
        folder=(plan.folder / SHARDS).absolute(),
        attrs=dict(attrs),
        prepared=_prepared(plan.config.stimuli, sweep=sweep),
        prepared_bytes=plan.config.stimuli.cache_size,
        versions=versions(plan.inputs.model.spec.source),
    )


def _prepared(stimuli: StimuliConfig, *, sweep: bool) -> Path | None:
    if stimuli.cache == "auto":
        return PREPARED.absolute() if sweep else None
    return None if stimuli.cache == "off" else Path(stimuli.cache)


def run_tasks(
    plan: Plan,
    probed: Probed,
    *,
    attrs: Mapping[str, Any],
    done: Collection[str] | None = None,
) -> dict[str, float]:
    """Carry out the tasks that have no shard yet; the caller holds the folder's lock.

    `done`: as for unfinished. Returns the seconds of the tasks, as total_seconds does. Raises
    whatever a task raised; shards that were finished before stay and count next time.
    """
    todo = unfinished(plan, done)
    options = plan.config.executor
    # A local cluster needs no worker without a task.
    options = dataclasses.replace(options, workers=min(options.workers, max(1, len(todo))))
    orders = orders_for(plan, probed.structure, attrs=attrs)
    loaded = probed.loaded if options.name in IN_PROCESS else None
    name = plan.folder.name
    setup = functools.partial(extracting, {name: orders}, loaded=loaded)
    n, each = len(plan.inputs.stimuli.ids), plan.outline.bytes_per_stimulus
    left = sum(len(task.ids) for task in todo)
    with (
        progress(n, left * each, done=n - left) as report,
        EXECUTORS[options.name](options) as carry_out,
        closing(carry_out({name: todo}, setup, report=report)) as results,  # type: ignore[type-var]
    ):
        return total_seconds(results)


def index_shards(plan: Plan, *, attrs: Mapping[str, Any]) -> None:
    """Write the index over the plan's shards, then delete the shards of other plans."""
    folder = plan.folder / SHARDS
    records = [read_shard(shard_path(folder, part.key)) for part in plan.slices]
    stimuli = plan.inputs.stimuli
    write_index(plan.folder, records, stimulus_ids=stimuli.ids, labels=stimuli.labels, attrs=attrs)
    wanted = {record.path for record in records}
    for path in folder.glob("*.nc"):
        if path not in wanted:
            path.unlink()
    # of workers that were killed in mid-task
    remove_leftovers(folder)


@contextmanager
def extracting(
    orders: Mapping[str, Orders], name: str, *, loaded: LoadedModel | None = None
) -> Iterator[Work]:
    """Make this process ready for the tasks of `name`: its model loaded, torch's threads set.

    `loaded`: the model, where this process has it already. Raises LensError in a process with other
    versions of packages than the run was planned with: its shards would have other keys.
    """
    from lens_pipeline.models.loading import load_model

    order = orders[name]
    _check_versions(order)
    with torch_threads(order.threads):
        model = loaded or load_model(order.spec)
        model.module.to(order.device)
        yield functools.partial(_extract, model, order, _Fitting())


def _check_versions(order: Orders) -> None:
    here = versions(order.spec.source)
    for package, wanted in order.versions.items():
        if here.get(package) != wanted:
            raise LensError(
                f"The worker {os.getpid()} on {socket.gethostname()} has {package} "
                f"{here.get(package)} where the run has {wanted}: install the same versions "
                "there, or start the run without it; finished shards are kept."
            )


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """Set the number of torch's threads, which decides the last bits of sums, and set it back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _extract(
    loaded: LoadedModel, order: Orders, fitting: _Fitting, task: Task, report: Report
) -> Done:
    """Write the shard of one task, with no larger batches than were found to fit."""
    from lens_pipeline.extraction import Destination, extract
    from lens_pipeline.extraction.prepared import Prepared

    began = time.time()
    prepared = Prepared(order.prepared, most=order.prepared_bytes) if order.prepared else None
    into = Destination(order.folder, order.attrs, prepared)
    if fitting.batch:
        runtime = dataclasses.replace(task.runtime, batch_size=fitting.batch)
        task = dataclasses.replace(task, runtime=runtime)
    extracted = extract(task, loaded, order.structure, into=into, on_batch=report)
    fitting.batch = extracted.halved_to or fitting.batch
    seconds = dataclasses.asdict(extracted.seconds)
    return Done(extracted.shard.key, seconds, began, time.time())


def total_seconds(done: Iterable[Done]) -> dict[str, float]:
    """Return the seconds of tasks as a record names them: by the clock, and by what they were for.

    By the clock they last from when the first task begins to when the last one ends.
    """
    tasks = list(done)
    spent: Counter[str] = Counter()
    for one in tasks:
        spent.update(one.seconds)
    began, ended = (one.began for one in tasks), (one.ended for one in tasks)
    elapsed = max(ended, default=0.0) - min(began, default=0.0)
    return {"activations": elapsed, **task_seconds(spent)}
