"""Running a plan: from tasks to shards and the index, whichever executor does it.

A shard is named by its task's key, so what an earlier run finished under the same key is taken as
it is. Shards of other keys stay until the new index is written: an index never loses its data to a
run that fails.
"""

from __future__ import annotations

import functools
import logging
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.console import progress
from lens_pipeline.pipeline.executors import EXECUTORS, IN_PROCESS, Report, Work
from lens_pipeline.store.atomic import remove_leftovers
from lens_pipeline.store.index import write_index
from lens_pipeline.store.shards import find_complete, read_shard, shard_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lens_pipeline.extraction import Structure
    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.models.spec import ModelSpec
    from lens_pipeline.pipeline.plan import Plan
    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)
SHARDS = "shards"


@dataclass(frozen=True)
class Probed:
    """A model in this process and what a traced pass told about it."""

    loaded: LoadedModel
    structure: Structure


def finished_keys(plan: Plan) -> frozenset[str]:
    """Return the keys of the plan's tasks whose shard is complete."""
    return find_complete(plan.folder / SHARDS, [part.key for part in plan.slices])


def run_tasks(plan: Plan, probed: Probed, *, attrs: Mapping[str, Any]) -> None:
    """Carry out the tasks that have no shard yet; the caller holds the folder's lock.

    Raises whatever a task raised; shards that were finished before stay and count next time.
    """
    finished = finished_keys(plan)
    todo = [t for t, part in zip(plan.tasks, plan.slices, strict=True) if part.key not in finished]
    name = plan.config.executor.name
    setup = functools.partial(
        extracting,
        probed.loaded.spec,
        probed.structure,
        device=plan.inputs.device,
        threads=plan.config.runtime.threads,
        folder=(plan.folder / SHARDS).absolute(),
        attrs=dict(attrs),
        loaded=probed.loaded if name in IN_PROCESS else None,
    )
    n, each = len(plan.inputs.stimuli.ids), plan.outline.bytes_per_stimulus
    left = sum(len(task.ids) for task in todo)
    with progress(n, left * each, done=n - left) as report:
        results = EXECUTORS[name](todo, setup, options=plan.config.executor, report=report)
        with closing(results):  # type: ignore[type-var]  # every executor is a generator
            for key in results:
                _LOG.debug("shard %s is complete", key)


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
def extracting(  # noqa: PLR0913  what a worker is told, once
    spec: ModelSpec,
    structure: Structure,
    *,
    device: str,
    threads: int,
    folder: Path,
    attrs: Mapping[str, Any],
    loaded: LoadedModel | None = None,
) -> Iterator[Work]:
    """Make this process ready for tasks: the model loaded, torch's threads set until the end.

    `loaded`: the model, where this process has it already.
    """
    from lens_pipeline.models.loading import load_model

    with torch_threads(threads):
        model = loaded or load_model(spec)
        model.module.to(device)
        yield functools.partial(_extract, model, structure, folder=folder, attrs=attrs)


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
    loaded: LoadedModel,
    structure: Structure,
    task: Task,
    report: Report,
    *,
    folder: Path,
    attrs: Mapping[str, Any],
) -> str:
    """Write the shard of one task and return its key."""
    from lens_pipeline.extraction import extract

    return extract(task, loaded, structure, folder=folder, attrs=attrs, on_batch=report).key
