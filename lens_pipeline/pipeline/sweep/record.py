"""What a sweep consists of, in sweep.json: its jobs, where their results are, what failed early.

How far a job is stands in its own run folder; only what has no folder yet, such as a model that
could not be loaded, is written here. So the file changes a few times in a sweep, and a sweep that
is killed is told apart from one that never began.
"""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.digests import digest_value
from lens_pipeline.errors import LensError, StoreError
from lens_pipeline.pipeline.config import Config, config_digest, plain_config, read_config
from lens_pipeline.pipeline.job.stages import RUNS

if TYPE_CHECKING:
    from collections.abc import Sequence

_LOG = logging.getLogger(__name__)

SWEEP = "sweep.json"
TABLE = "sweep.csv"
# Raised whenever an older file cannot be read as a newer one.
FORMAT = 1


@dataclass
class Entry:
    """One job of the sweep; filled in as the sweep goes on."""

    config: Config
    # where its results are; None until its inputs are found
    folder: Path | None = None
    # why it failed; None if it did not
    failure: str | None = None
    # what something stands in for in it
    stand_ins: tuple[str, ...] = ()


@dataclass(frozen=True)
class SweepRecord:
    """The jobs of a sweep by name, in order."""

    folder: Path
    entries: dict[str, Entry] = field(default_factory=dict)

    def found(self, name: str, folder: Path, *, config: Config, stand_ins: tuple[str, ...]) -> bool:
        """Note where the results of a job are; leave it out, and return False, if another has them.

        `config`: what they are the results of.
        """
        for other, entry in self.entries.items():
            if entry.folder == folder and other != name:
                _LOG.warning("%s asks for the same as %s and is left out", name, other)
                del self.entries[name]
                return False
        self.entries[name] = Entry(config, folder, self.entries[name].failure, stand_ins)
        return True

    def failed(self, name: str, reason: str) -> None:
        """Note why a job failed, the first time it does."""
        self.entries[name].failure = self.entries[name].failure or reason

    def failures(self) -> dict[str, str]:
        """Return the reason by the name of each job that failed."""
        return {name: one.failure for name, one in self.entries.items() if one.failure}

    def stand_ins(self) -> tuple[str, ...]:
        """Return what stands in for something in any job, each once."""
        every = [text for entry in self.entries.values() for text in entry.stand_ins]
        return tuple(dict.fromkeys(every))


def tell(record: SweepRecord, name: str, error: Exception) -> None:
    """Note and say why a job failed; the traceback only of what is no sentence of ours."""
    known = isinstance(error, LensError)
    record.failed(name, str(error) if known else f"{type(error).__name__}: {error}")
    _LOG.error("failed %s: %s", name, error, exc_info=None if known else error)


def sweep_folder(configs: Sequence[Config]) -> Path:
    """Return where the record and the table of a sweep go: the same for the same jobs."""
    chosen = configs[0].run.folder
    if chosen is not None:
        return chosen
    digest = digest_value([config_digest(config) for config in configs])
    return RUNS / "sweeps" / f"{len(configs)}-jobs-{digest[:8]}"


def write_sweep(record: SweepRecord) -> None:
    """Write sweep.json, whole or not at all."""
    jobs = [
        {
            "name": name,
            "config": plain_config(entry.config),
            "folder": None if entry.folder is None else str(entry.folder.absolute()),
            "failure": entry.failure,
            "stand_ins": entry.stand_ins,
        }
        for name, entry in record.entries.items()
    ]
    text = json.dumps({"format": FORMAT, "jobs": jobs}, indent=1, ensure_ascii=False)
    write_text(record.folder / SWEEP, text + "\n")


def read_sweep(folder: Path) -> SweepRecord | None:
    """Return the record of a sweep, or None where there is none of this format.

    Raises StoreError for one that cannot be read.
    """
    path = folder / SWEEP
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        if plain["format"] != FORMAT:
            return None
        return SweepRecord(folder, {job["name"]: _entry(job) for job in plain["jobs"]})
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError, LensError) as error:
        raise StoreError(
            f"{path} is damaged ({error}); delete it and give the sweep's command again."
        ) from error


def _entry(job: dict[str, Any]) -> Entry:
    folder = None if job["folder"] is None else Path(job["folder"])
    config = read_config(job["config"])
    return Entry(config, folder, job["failure"], tuple(job["stand_ins"]))
