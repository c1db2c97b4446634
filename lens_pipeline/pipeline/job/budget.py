"""The budget: whether the disk and the memory have room for what one job or a sweep will do.

The numbers come from the plans, which are exact for the bytes of activations. What does not fit is
refused before anything runs, with the arithmetic and the nearest change that fits.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import BudgetError
from lens_pipeline.pipeline.analysis.rdm_room import rdm_memory
from lens_pipeline.pipeline.console import size_text
from lens_pipeline.pipeline.executors.registry import BATCH, IN_PROCESS
from lens_pipeline.pipeline.job.plan import free_bytes, n_patterns, pooled_bytes, rdm_bytes
from lens_pipeline.pipeline.memory import Need, available_bytes

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from pathlib import Path

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.job.plan import Plan

# Room for indexes, tables and figures, and for the file system's own use.
_MARGIN = 1.05
_SMALLER_ANALYSIS = (
    "choose fewer layers, set stimuli.limit or rsa.average, or give rsa.method=none for "
    "activations without RDMs."
)


@dataclass(frozen=True)
class Bill:
    """What one job will still cost."""

    config: Config
    folder: Path
    n_stimuli: int
    # stimuli of the tasks that are not done
    n_left: int
    # bytes of activations of one stimulus on disk, as they are and with spatial_mean
    each: int
    pooled: int
    # bytes of all RDMs on disk
    rdms: int
    # bytes of memory to compare the RDMs
    analysis: int
    # of a worker, with batches of runtime.batch_size
    need: Need
    # of forward passes for what is left, on one worker
    seconds: float

    @property
    def disk(self) -> int:
        """Bytes still to be written."""
        return self.n_left * self.each + self.rdms

    @property
    def memory(self) -> int:
        """Bytes at the peak of a worker."""
        return self.need.peak(self.config.runtime.batch_size)


def bill_of(plan: Plan, *, done: Collection[str] = ()) -> Bill:
    """Return the bill of a plan; tasks whose key is in `done` cost nothing more."""
    outline = plan.outline
    left = sum(part.stop - part.start for part in plan.slices if part.key not in done)
    return Bill(
        config=plan.config,
        folder=plan.folder,
        n_stimuli=len(plan.inputs.stimuli.ids),
        n_left=left,
        each=outline.bytes_per_stimulus,
        pooled=sum(pooled_bytes(spec) for spec in outline.layers),
        rdms=rdm_bytes(plan),
        analysis=_analysis(plan),
        need=outline.need,
        seconds=left * outline.seconds_per_stimulus,
    )


def _analysis(plan: Plan) -> int:
    n_rdms = sum(len(spec.passes) for spec in plan.outline.layers)
    return rdm_memory(n_patterns(plan), n_rdms) if rdm_bytes(plan) else 0


def check_budget(
    plan: Plan, *, done: Collection[str] = (), free: int | None = None, memory: int | None = None
) -> None:
    """Raise BudgetError if what is still to be done does not fit the disk or the memory.

    `free`, `memory`: bytes; by default run.max_disk and run.max_memory, or what there is.
    """
    bills = [bill_of(plan, done=done)]
    check_disk(bills, free=free)
    check_memory(bills, memory=memory)


def check_disk(bills: Sequence[Bill], *, free: int | None = None) -> None:
    """Raise BudgetError if what the jobs will write does not fit, all of them together."""
    wanted = int(sum(bill.disk for bill in bills) * _MARGIN)
    if not bills:
        return
    room, where = _room(bills[0], free)
    if wanted > room:
        raise BudgetError(
            f"The plan does not fit: {_arithmetic(bills)} come to {size_text(wanted)} with "
            f"{_MARGIN - 1:.0%} for indexes and tables, and {where}; {_smaller(bills, room)}."
        )


def _room(bill: Bill, free: int | None) -> tuple[int, str]:
    most = bill.config.run.max_disk
    room = free_bytes(bill.folder) if free is None else free
    if most is not None and most < room:
        return most, f"run.max_disk is {size_text(most)}"
    return room, f"{bill.folder} has {size_text(room)} free"


def _arithmetic(bills: Sequence[Bill]) -> str:
    rdms = size_text(sum(bill.rdms for bill in bills))
    if len(bills) == 1:
        return f"{bills[0].n_left} stimuli x {size_text(bills[0].each)} and {rdms} of RDMs"
    written = size_text(sum(bill.n_left * bill.each for bill in bills))
    largest = max(bills, key=lambda bill: bill.disk)
    return (
        f"{len(bills)} jobs with {written} of activations (most in {largest.folder.name}: "
        f"{largest.n_left} stimuli x {size_text(largest.each)}) and {rdms} of RDMs"
    )


def _smaller(bills: Sequence[Bill], room: int) -> str:
    """Name the nearest change that fits, keeping every stimulus and layer if that is possible."""
    pooled = int(sum(bill.n_left * bill.pooled + bill.rdms for bill in bills) * _MARGIN)
    if pooled <= room and any(bill.pooled < bill.each for bill in bills):
        return f"postfunction=spatial_mean would take about {size_text(pooled)}"
    limit = _fitting_limit(bills, room)
    if limit:
        return f"stimuli.limit={limit} would fit, as would fewer layers or another run.folder"
    return "choose fewer layers, set stimuli.limit, or set run.folder on another disk"


def _fitting_limit(bills: Sequence[Bill], room: int) -> int:
    """Return the most stimuli a job may have for all to fit; 0 if not even three do."""

    def cost(limit: int) -> float:
        shares = [(bill, min(1.0, limit / max(1, bill.n_stimuli))) for bill in bills]
        return _MARGIN * sum(
            bill.n_stimuli * share * bill.each + bill.rdms * share**2 for bill, share in shares
        )

    low, high = 0, max(bill.n_stimuli for bill in bills)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if cost(middle) <= room else (low, middle - 1)
    return low if low >= 3 else 0


def check_memory(bills: Sequence[Bill], *, memory: int | None = None) -> None:
    """Raise BudgetError if the workers of the hungriest job do not fit into their memory.

    Nor may the largest analyses that go on at once.
    """
    _check_analyses(bills, memory)
    todo = [bill for bill in bills if bill.n_left]
    if not todo:
        return
    bill = max(todo, key=lambda one: one.memory)
    options = bill.config.executor
    workers = 1 if options.name == "serial" else options.workers
    room, where = _memory_room(bill, memory)
    if room is None or workers * bill.memory <= room:
        return
    many = f"{workers} workers x " if workers > 1 else ""
    raise BudgetError(
        f"{bill.folder.name} does not fit the memory: {many}{size_text(bill.memory)} with batches "
        f"of {bill.config.runtime.batch_size}, and {where}; {_lighter(bill, workers, room)}."
    )


def _check_analyses(bills: Sequence[Bill], memory: int | None) -> None:
    """In a sweep every worker analyses, and so does this process; else it does alone."""
    by_size = sorted(bills, key=lambda one: -one.analysis)
    options = by_size[0].config.executor if by_size else None
    if options is None or not by_size[0].analysis:
        return
    shared = len(bills) > 1 and options.name not in IN_PROCESS
    here = options.name not in BATCH
    n_places = options.workers + here if shared else 1
    room, where = _memory_room(by_size[0], memory) if shared or here else (None, "")
    wanted = sum(bill.analysis for bill in by_size[:n_places])
    if room is None or wanted <= room:
        return
    many = f", {n_places} jobs at once {size_text(wanted)}" if n_places > 1 else ""
    alone = by_size[0].analysis <= room
    raise BudgetError(
        f"{by_size[0].folder.name} does not fit the memory: comparing its RDMs takes about "
        f"{size_text(by_size[0].analysis)}{many}, and {where}; "
        + ("lower executor.workers or give executor=serial." if alone else _SMALLER_ANALYSIS)
    )


def _memory_room(bill: Bill, memory: int | None) -> tuple[int | None, str]:
    """Return the bytes that the workers of one machine may take; None where nobody knows."""
    options, most = bill.config.executor, bill.config.run.max_memory
    if options.name in BATCH:
        return options.memory, f"executor.memory is {size_text(options.memory)} for each job"
    if most is not None:
        return most, f"run.max_memory is {size_text(most)}"
    if options.address:
        return None, ""
    room = available_bytes() if memory is None else memory
    return room, f"this machine has {size_text(room)} available"


def _lighter(bill: Bill, workers: int, room: int) -> str:
    batch = bill.need.largest_batch(room // workers)
    if batch:
        return f"runtime.batch_size={batch} would fit"
    fewer = room // bill.need.peak(1)
    if fewer:
        batch = min(bill.config.runtime.batch_size, bill.need.largest_batch(room // fewer))
        return f"executor.workers={fewer} with runtime.batch_size={batch} would fit"
    alone = bill.need.peak(0)
    if alone > room:
        return f"the program and the model alone take {size_text(alone)}, so allow more memory"
    return f"one stimulus at a time takes {size_text(bill.need.peak(1))}, so choose fewer layers"
