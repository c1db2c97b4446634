"""The shards in a run's folder: which tasks they are of, whether they are sound, their index.

A shard is never written to again, so whatever an earlier process left complete can be kept, unless
it was altered since: before its values are used it is read against its checksum.
"""

from __future__ import annotations

import logging
import shutil
import time
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import remove_leftovers, replacing
from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.console import shares
from lens_pipeline.pipeline.job.record import SHARDS
from lens_pipeline.store.index import write_index
from lens_pipeline.store.schema import COMPUTED
from lens_pipeline.store.shards import find_complete, read_shard, shard_path
from lens_pipeline.store.verification import find_damaged

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from lens_pipeline.extraction import Structure
    from lens_pipeline.pipeline.job.plan import Plan
    from lens_pipeline.task import Task

_LOG = logging.getLogger(__name__)


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


def check_arithmetic(plan: Plan, structure: Structure) -> None:
    """Raise StoreError if this machine would compute otherwise than the shards there are.

    The fast mode takes bfloat16 where a machine has it, so it is not the same everywhere.
    """
    if plan.config.runtime.mode == "exact":
        return
    done = finished_keys(plan)
    if not done:
        return
    shard = read_shard(shard_path(plan.folder / SHARDS, min(done)))
    before, now = (
        {spec.name: dict(spec.attrs).get(COMPUTED) for spec in layers}
        for layers in (shard.layers, structure.layers)
    )
    for name, how in now.items():
        if before.get(name) != how:
            raise StoreError(
                f"The shards in {plan.folder} have {name} computed as {before.get(name)}, and this "
                f"machine would compute it as {how}: go on where the run began, or give another "
                "run.folder."
            )


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
