"""What is done in a run folder or a sweep, told from records and shards; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import LensError, StoreError
from lens_pipeline.pipeline.console import size_text, text_table
from lens_pipeline.pipeline.job.freshness import changes
from lens_pipeline.pipeline.job.record import RECORD, SHARDS, Record, read_record
from lens_pipeline.pipeline.job.stages import RUNS, find_finished
from lens_pipeline.pipeline.sweep.record import SWEEP, SweepRecord, read_sweep

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.pipeline.sweep.record import Entry

# What a job can be, in the order in which they are counted.
STATES = ("done", "partial", "stale", "failed", "waiting")


def describe_status(folder: Path | None) -> str:
    """Return a line per run: the one in `folder`, the jobs of the sweep there, or all below.

    Without a folder they are all under runs/. Raises StoreError where there is no run.
    """
    told = _describe(folder) if folder else _below(RUNS)
    if told:
        return told
    if folder is None:
        raise StoreError(f"There are no runs under {RUNS.absolute()}; give a folder to status.")
    raise StoreError(
        f"There is no run in {folder}: it has no {RECORD} and no {SWEEP}, and no folder in it has."
    )


def _describe(folder: Path) -> str:
    sweep = read_sweep(folder)
    if sweep:
        return sweep_status(sweep)
    record = read_record(folder)
    return _line(folder, record) if record else _below(folder)


def _below(folder: Path) -> str:
    sweeps = sorted(path.parent for path in folder.rglob(SWEEP))
    runs = sorted(path.parent for path in folder.rglob(RECORD))
    return "\n".join([*map(_line_of, runs), *map(_sweep_line, sweeps)])


def sweep_status(sweep: SweepRecord) -> str:
    """Return a row per job of a sweep, and how many are done, partial, stale, failed, waiting."""
    rows = [(name, *_job_state(entry)) for name, entry in sweep.entries.items()]
    table = text_table(("job", "state", ""), rows)
    return f"{table}\n\n{sweep.folder}: {_counts([state for _, state, _ in rows])}"


def _sweep_line(folder: Path) -> str:
    try:
        sweep = read_sweep(folder)
    except StoreError as error:
        return f"{folder}: damaged: {error}"
    if sweep is None:
        return f"{folder}: of another version of this package"
    return f"{folder}: sweep of {_counts([_job_state(one)[0] for one in sweep.entries.values()])}"


def _counts(states: list[str]) -> str:
    told = ", ".join(f"{states.count(state)} {state}" for state in STATES if state in states)
    return f"{len(states)} jobs: {told}"


def _job_state(entry: Entry) -> tuple[str, str]:
    """Return the state of a job of a sweep and the particulars."""
    try:
        record = read_record(entry.folder) if entry.folder else None
    except StoreError as error:
        return "stale", str(error)
    if record and entry.folder:
        return run_state(entry.folder, record)
    if entry.failure:
        return "failed", entry.failure
    if find_finished(entry.config, sweep=True):
        return "done", ""
    return "waiting", ""


def _line_of(folder: Path) -> str:
    try:
        record = read_record(folder)
    except StoreError as error:
        return f"{folder}: damaged: {error}"
    return _line(folder, record) if record else f"{folder}: of another version of this package"


def _line(folder: Path, record: Record) -> str:
    return f"{folder}: {': '.join(run_state(folder, record))}"


def run_state(folder: Path, record: Record) -> tuple[str, str]:
    """Return one of STATES for a run that was begun, and the particulars."""
    from lens_pipeline.pipeline.job.online import activations_dropped
    from lens_pipeline.store.shards import find_complete

    keys = [part.key for part in record.slices]
    finished = len(find_complete(folder / SHARDS, keys))
    dropped = activations_dropped(record.analysis)
    shards = "no activations" if dropped else f"{finished}/{len(keys)} shards"
    if record.failure:
        return "failed", f"{shards}, {record.failure}"
    try:
        changed = changes(record, folder)
    except LensError as error:
        changed = (str(error),)
    if changed:
        return "stale", f"{shards}, {'; '.join(changed)}"
    if finished < len(keys) and not dropped:
        return "partial", shards
    if not record.outputs:
        return "partial", f"{shards}, not yet analysed"
    return "done", f"{shards}, analysed, {size_text(sum(record.outputs.values()))}"
