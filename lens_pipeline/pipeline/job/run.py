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
import socket
import time
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.console import progress
from lens_pipeline.pipeline.executors.registry import EXECUTORS, IN_PROCESS, Report, Work
from lens_pipeline.pipeline.job.kept_shards import check_arithmetic, unfinished
from lens_pipeline.pipeline.job.record import SHARDS
from lens_pipeline.pipeline.job.time_shares import task_seconds
from lens_pipeline.task import versions

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from lens_pipeline.extraction import Structure
    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.models.spec import ModelSpec
    from lens_pipeline.pipeline.config import StimuliConfig
    from lens_pipeline.pipeline.job.plan import Plan
    from lens_pipeline.pipeline.memory import Need
    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)
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
    check_arithmetic(plan, probed.structure)
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
