"""What a report is made from: the files of a run folder, read and not interpreted.

A file that a run did not make (no reference was given, no pass had a time) is simply absent.
"""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

TABLES = (
    "scores", "comparisons", "choices", "fitted", "health", "encoding", "cka", "time", "layers",
    "sweep",
)  # fmt: skip


@dataclass(frozen=True)
class RunContents:
    """One run folder."""

    # name of the folder
    name: str
    # record.json
    record: Mapping[str, Any]
    # config.yaml as text
    config: str
    # tables by file name without ending, as they are on disk
    tables: Mapping[str, pd.DataFrame]
    # figures by file name without ending, as data: addresses that a page can hold
    figures: Mapping[str, str]
    # names of the figures that have the data behind them beside them
    data: frozenset[str] = frozenset()


def read_contents(folder: Path, record: Mapping[str, Any] | None = None) -> RunContents:
    """Return what is in a run folder; `record` is its record where that is not written yet.

    Raises StoreError if the folder holds no finished run.
    """
    try:
        record = record or json.loads((folder / "record.json").read_text(encoding="utf-8"))
        config = (folder / "config.yaml").read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        why = "" if isinstance(error, FileNotFoundError) else f" ({error})"
        raise StoreError(
            f"There is no run to report on in {folder}{why}; give the run's command first."
        ) from error
    if not record.get("analysis"):
        raise StoreError(
            f"The run in {folder} is not finished; give its command again, then ask for the report."
        )
    return RunContents(
        folder.name,
        record,
        config,
        read_tables(folder),
        read_figures(folder),
        figures_with_data(folder),
    )


def read_record(folder: Path) -> dict[str, Any] | None:
    """Return the record of a run folder as plain values, or None where there is none."""
    try:
        found: dict[str, Any] = json.loads((folder / "record.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if "config" in found else None


def read_failures(folder: Path) -> tuple[tuple[str, str], ...]:
    """Return (job, why it failed) for the jobs of a sweep that did, also before a folder was."""
    try:
        jobs = json.loads((folder / "sweep.json").read_text(encoding="utf-8"))["jobs"]
    except (OSError, ValueError, KeyError):
        return ()
    return tuple((str(job["name"]), str(job["failure"])) for job in jobs if job.get("failure"))


def read_tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the tables that are there."""
    import pandas as pd

    found = {}
    for name in TABLES:
        with suppress(pd.errors.EmptyDataError, FileNotFoundError):
            found[name] = pd.read_csv(folder / f"{name}.csv")
    return found


def read_figures(folder: Path) -> dict[str, str]:
    """Return the SVG figures as data: addresses, so that no name in one meets one in another."""
    return {
        path.stem: "data:image/svg+xml;base64," + base64.b64encode(path.read_bytes()).decode()
        for path in sorted((folder / "figures").glob("*.svg"))
    }


def figures_with_data(folder: Path) -> frozenset[str]:
    """Return the names of the figures beside which lies a table of what they show."""
    return frozenset(path.stem for path in (folder / "figures").glob("*.csv"))
