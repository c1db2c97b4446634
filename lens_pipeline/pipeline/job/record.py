"""The record: what a run folder's results were made from, in record.json.

It holds everything that has to be looked at to know whether the results still stand, as plain
values, so that a finished run is recognised without loading a model or opening a netCDF file.
"""

from __future__ import annotations

import dataclasses
import json
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.digests import FileStamp
from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

RECORD = "record.json"
CONFIG = "config.yaml"
SHARDS = "shards"
# Raised whenever an older record cannot be read as a newer one.
FORMAT = 2

# Where published weights are looked for; another place may hold other files.
_PLACES = ("TORCH_HOME", "HF_HOME", "XDG_CACHE_HOME")


@dataclass(frozen=True)
class Slice:
    """The stimuli of one task."""

    # positions in the stimulus set, stop not included
    start: int
    stop: int
    # task key, which also names the shard
    key: str


@dataclass(frozen=True)
class Record:
    """What one run folder holds, and from what."""

    # the whole config, as plain_config gives it
    config: Mapping[str, Any]
    # versions of the packages that results depend on
    versions: Mapping[str, str]
    # environment variables that say where weights are looked for
    places: Mapping[str, str]
    # the model as it was resolved, as JSON
    model: Mapping[str, Any]
    # one sentence per asset that something stood in for
    stand_ins: tuple[str, ...]
    # every file that was read, by absolute path
    files: Mapping[str, FileStamp]
    # paths that were looked for and absent; once one appears the inputs are others
    missing: tuple[str, ...]
    # what the stimulus set is: digest of ids and files in order, counts, refused files
    stimuli: Mapping[str, Any]
    # digest of the source of each user's postfunction, by its dotted path
    postfunctions: Mapping[str, str]
    # digest of what the structure follows from, before "auto" is resolved
    request: str
    # selectors, layers with their shapes, bytes and seconds per stimulus
    structure: Mapping[str, Any]
    slices: tuple[Slice, ...]
    # bytes of each file that the run wrote, by path in the folder; empty until all are written
    outputs: Mapping[str, int] = field(default_factory=dict)
    # wall-clock seconds: "activations", from when the first task of the last run began to when its
    # last one ended; "analysis"; "all", without waiting for other jobs of a sweep. Of all workers
    # together: "tasks, decoding" and what else tasks were spent on.
    seconds: Mapping[str, float] = field(default_factory=dict)
    # what the analysis made and left out; empty until it is done
    analysis: Mapping[str, Any] = field(default_factory=dict)
    # why the last attempt stopped; None if it did not fail
    failure: str | None = None


def places() -> dict[str, str]:
    """Return the environment variables that say where weights are looked for."""
    return {name: os.environ[name] for name in _PLACES if name in os.environ}


def write_record(folder: Path, record: Record) -> None:
    """Write record.json, whole or not at all."""
    plain = {"format": FORMAT, **dataclasses.asdict(record)}
    plain["files"] = {path: list(_row(stamp)) for path, stamp in record.files.items()}
    write_text(folder / RECORD, json.dumps(plain, indent=1, ensure_ascii=False) + "\n")


def read_record(folder: Path) -> Record | None:
    """Return the record of a run folder, or None where there is none of this format.

    Raises StoreError for a record that cannot be read.
    """
    path = folder / RECORD
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain.pop("format") != FORMAT:
            return None
        plain["files"] = {name: FileStamp(*row) for name, row in plain["files"].items()}
        plain["slices"] = tuple(Slice(**row) for row in plain["slices"])
        for name in ("stand_ins", "missing"):
            plain[name] = tuple(plain[name])
        return Record(**plain)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise StoreError(
            f"{path} is damaged ({error}); delete it, and the run computes what it cannot verify."
        ) from error


def _row(stamp: FileStamp) -> tuple[int | str, ...]:
    return stamp.size, stamp.mtime_ns, stamp.ctime_ns, stamp.inode, stamp.digest
