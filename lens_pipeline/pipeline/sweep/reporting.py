"""Reports: the page of a run at its end, the page of a sweep, and the word `report`.

A page is a result like any other: it is among the outputs of the record, so a run whose page was
deleted is not finished, and a page that is made again leaves a finished run finished.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from lens_pipeline.pipeline.job.record import RECORD, read_record, write_record
from lens_pipeline.pipeline.sweep.record import SWEEP, TABLE, read_sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

FIGURES = "figures"


def report_sweep(folder: Path, runs: Sequence[Path]) -> Path:
    """Draw the scores in the table of a sweep, write its page, and return the page's path."""
    from lens_pipeline.report.page import write_sweep_report

    _draw_sweep(folder, runs)
    return write_sweep_report(folder, runs)


def make_report(folder: Path) -> Path:
    """Write the report of a run folder, of a sweep or of a folder of runs; return its path.

    Raises StoreError if the folder holds none of them.
    """
    from lens_pipeline.report.page import write_run_report

    if (folder / SWEEP).is_file():
        sweep = read_sweep(folder)
        entries = sweep.entries.values() if sweep else ()
        return report_sweep(folder, [entry.folder for entry in entries if entry.folder])
    runs = sorted(path.parent for path in folder.glob(f"*/{RECORD}"))
    if runs and not (folder / RECORD).is_file():
        return report_sweep(folder, runs)
    page = write_run_report(folder)
    record = read_record(folder)
    if record and record.outputs:
        outputs = {**record.outputs, page.name: page.stat().st_size}
        write_record(folder, dataclasses.replace(record, outputs=outputs))
    return page


def _draw_sweep(folder: Path, runs: Sequence[Path]) -> None:
    """Write a figure of networks and their scores for each measure, where there are scores."""
    import pandas as pd

    from lens_pipeline.rsa.figures.canvas import save_data, save_figure
    from lens_pipeline.rsa.figures.sweep import best_scores, sweep_scores

    path = folder / TABLE
    if not path.is_file() or path.stat().st_size < 2:
        return
    table = pd.read_csv(path)
    best = best_scores(table, _choices(table, runs))
    stamps = table["stand_in"].dropna().unique() if "stand_in" in table else ()
    for measure, rows in best.groupby("measure", sort=False):
        name = folder / FIGURES / f"sweep_{measure}"
        save_figure(sweep_scores(rows, title=folder.name, stand_in=" ".join(stamps)), name)
        save_data(rows, name)


def _choices(table: pd.DataFrame, runs: Sequence[Path]) -> pd.DataFrame | None:
    """Return the rows of choices.csv of all runs, with the folder as the sweep's table names it."""
    import pandas as pd

    named = {name.rpartition("/")[2]: name for name in table.get("folder", pd.Series(dtype=str))}
    found = [
        pd.read_csv(run / "choices.csv").assign(folder=named[run.name])
        for run in runs
        if run.name in named and (run / "choices.csv").is_file()
    ]
    return pd.concat(found, ignore_index=True) if found else None
