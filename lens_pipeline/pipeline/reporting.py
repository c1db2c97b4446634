"""The word `report`: the page of a finished run or sweep, made again from its files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.pipeline.record import RECORD

if TYPE_CHECKING:
    from pathlib import Path


def make_report(folder: Path) -> Path:
    """Write the report of a run folder, or of a folder of runs, and return its path.

    Raises StoreError if the folder holds neither.
    """
    from lens_pipeline.report.page import write_run_report, write_sweep_report

    runs = sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
    if runs and not (folder / RECORD).is_file():
        return write_sweep_report(folder, runs)
    return write_run_report(folder)
