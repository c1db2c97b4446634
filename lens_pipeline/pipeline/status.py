"""What is done in a run folder, told from its record and its shards; nothing is changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import LensError, StoreError
from lens_pipeline.pipeline.console import size_text
from lens_pipeline.pipeline.freshness import changes
from lens_pipeline.pipeline.job import RUNS
from lens_pipeline.pipeline.record import RECORD, Record, read_record
from lens_pipeline.pipeline.run import SHARDS

if TYPE_CHECKING:
    from pathlib import Path


def describe_status(folder: Path | None) -> str:
    """Return a line per run: of `folder`, or of each folder under runs/.

    Raises StoreError where there is no run.
    """
    if folder is not None:
        record = read_record(folder)
        if record is None:
            raise StoreError(f"There is no run in {folder}: it has no {RECORD}.")
        return _line(folder, record)
    folders = sorted(path.parent for path in RUNS.rglob(RECORD))
    if not folders:
        raise StoreError(f"There are no runs under {RUNS.absolute()}; give a folder to status.")
    return "\n".join(_line_of(path) for path in folders)


def _line_of(folder: Path) -> str:
    try:
        record = read_record(folder)
    except StoreError as error:
        return f"{folder}: damaged: {error}"
    return _line(folder, record) if record else f"{folder}: of another version of this package"


def _line(folder: Path, record: Record) -> str:
    return f"{folder}: {_state(folder, record)}"


def _state(folder: Path, record: Record) -> str:
    from lens_pipeline.store.shards import find_complete

    keys = [part.key for part in record.slices]
    finished = len(find_complete(folder / SHARDS, keys))
    shards = f"{finished} of {len(keys)} shards"
    if record.failure:
        return f"failed with {shards}: {record.failure}"
    try:
        changed = changes(record, folder)
    except LensError as error:
        changed = (str(error),)
    if changed:
        return f"stale with {shards}: {'; '.join(changed)}"
    if finished < len(keys):
        return f"partial: {shards}"
    if not record.outputs:
        return f"partial: {shards}, not yet analysed"
    return f"done: {shards}, analysed, {size_text(sum(record.outputs.values()))}"
