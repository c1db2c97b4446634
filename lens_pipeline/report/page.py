"""Fills the templates in: a run's page and a sweep's page."""

from __future__ import annotations

import functools
import math
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import write_text
from lens_pipeline.report.architectures import architecture_table
from lens_pipeline.report.citations import citations
from lens_pipeline.report.contents import (
    figures_with_data,
    read_contents,
    read_failures,
    read_figures,
    read_record,
    read_tables,
)
from lens_pipeline.report.facts import (
    RUN_COLUMNS,
    bars,
    facts,
    headline,
    layer_rows,
    reproduce,
    run_cells,
    time_shares,
)
from lens_pipeline.report.outcomes import outcomes
from lens_pipeline.report.sections import (
    differences,
    plain_table,
    score_tables,
    shown,
)
from lens_pipeline.report.study import read_study

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import jinja2

    from lens_pipeline.report.sections import ScoreTable
    from lens_pipeline.report.study import Study

REPORT = "report.html"

# Figures in the order of reading, with what stands under them; others follow by name.
_CAPTIONS = {
    "scores": "Scores by layer and pass; bars are {bars}, the band is the noise ceiling.",
    "regions": "Scores by region and layer; framed: the best of a row, bold: corrected p < 0.05.",
    "sweep": "The chosen layer of each network with its interval, beside its random twins.",
    "time": "Scores of passes at each time of the brain's response; p-values, in scores.csv where "
    "rsa.bootstrap asked for them, are corrected for layers, passes and times.",
    "rdms": "Dissimilarities of the stimuli in each layer and pass.",
    "likeness": "How alike the RDMs of layers are, each with each.",
    "layers": "A map of the layers by multidimensional scaling: near means alike.",
    "encoding_map": "Responses to held-out stimuli, predicted, by region and layer: medians over "
    "units, means over subjects; framed: the best of a row.",
    "encoding": "Responses to held-out stimuli, predicted from each layer and pass. No layer was "
    "chosen on other data: the highest is picked by its score. Banded ridge predicts from all "
    "layers at once; its other points are what each layer adds to that, in medians, which do not "
    "sum.",
}
# the drawing of an interval, in pixels
_WIDTH, _HEIGHT = 120, 14


def write_run_report(folder: Path, *, record: Mapping[str, Any] | None = None) -> Path:
    """Write the report of the finished run in `folder` and return its path.

    `record` is the run's record where that is not written yet. Raises StoreError if there is no
    finished run, or the page cannot be written.
    """
    contents = read_contents(folder, record)
    tables = contents.tables
    page = _environment().get_template("run.html").render(
        name=contents.name,
        headline=headline(contents.record),
        outcomes=outcomes(tables),
        stand_ins=contents.record["stand_ins"],
        facts=facts(contents),
        scores=score_tables(tables["scores"]) if len(tables.get("scores", ())) else (),
        figures=_captioned(contents.figures, bars(contents.record)),
        bars=bars(contents.record),
        data=contents.data,
        tables=[
            (title, *plain_table(tables[name]))
            for name, title in _TABLES.items()
            if name in tables and len(tables[name])
        ],
        differences=differences(tables["comparisons"]) if "comparisons" in tables else (),
        layers=layer_rows(contents.record),
        times=time_shares(contents.record),
        reproduce=reproduce(contents.record),
        warnings=[str(item) for item in contents.record["analysis"].get("health") or ()],
        cautions=[str(item) for item in contents.record["analysis"].get("cautions") or ()],
        config=contents.config,
        citations=citations(contents.record["config"]),
    )  # fmt: skip
    write_text(folder / REPORT, page)
    return folder / REPORT


_TABLES = {
    "comparisons": "Layers and passes against each other",
    "fitted": "Models fitted to some stimuli and subjects, scored on others",
    "encoding": "Encoding models, medians over units",
    "time": "Scores of passes in their own window of time",
    "cka": "Linear CKA, debiased",
    "layers": "Likeness of RDMs to each other",
    "health": "Health of the activations",
}


def write_sweep_report(folder: Path, runs: Sequence[Path]) -> Path:
    """Write the page of a sweep: its question if it is a study's, scores, figures, a row per run.

    `runs` are run folders; those without a finished run are listed as such. Raises StoreError if
    the page cannot be written.
    """
    import pandas as pd

    table = read_tables(folder).get("sweep")
    records = {run: record for run in runs if (record := read_record(run))}
    figures, study = read_figures(folder), read_study(folder)
    best = [pd.read_csv(path) for path in sorted((folder / "figures").glob("sweep_*.csv"))]
    page = _environment().get_template("sweep.html").render(
        name=folder.name,
        study=study,
        told=[(name, figures[name], text) for name, text in study.figures.items()] if study else (),
        runs=[(run.name, _link(run, folder), run_cells(records.get(run))) for run in runs],
        columns=RUN_COLUMNS,
        failures=read_failures(folder),
        # as a shell in the folder of the page would call them
        replays=[
            Path(os.path.relpath(run, folder)).as_posix() for run in runs if _link(run, folder)
        ],
        stand_ins=_stand_ins(records.values(), study),
        # a study says the same at its top, of families of networks
        architectures=[architecture_table(of) for of in best if len(of) and not study],
        figures=[] if study else _captioned(figures, ""),
        data=figures_with_data(folder),
        citations=list(
            dict.fromkeys(c for one in records.values() for c in citations(one["config"]))
        ),
        tables=[] if table is None else [("Scores of all runs", *plain_table(table))],
    )  # fmt: skip
    write_text(folder / REPORT, page)
    return folder / REPORT


def _stand_ins(records: Iterable[Mapping[str, Any]], study: Study | None) -> list[str]:
    """Return what must be known before anything on the page is believed, each once."""
    said = [study.stand_in] if study and study.stand_in else []
    return list(dict.fromkeys([*said, *(text for one in records for text in one["stand_ins"])]))


def _link(run: Path, folder: Path) -> str | None:
    """Return the address of a run's page as seen from the sweep's; None where there is none."""
    page = run / REPORT
    if not page.is_file():
        return None
    return Path(os.path.relpath(page, folder)).as_posix()


def _captioned(figures: Mapping[str, str], bars: str) -> list[tuple[str, str, str]]:
    """Return (name, address, caption), in the order of reading; `bars` says what bars are."""
    order = list(_CAPTIONS)

    def kind(name: str) -> int:
        return next((at for at, begin in enumerate(order) if name.startswith(begin)), len(order))

    words = [text.format(bars=bars) for text in _CAPTIONS.values()]
    return [
        (name, figures[name], words[kind(name)] if kind(name) < len(order) else name)
        for name in sorted(figures, key=lambda name: (kind(name), name))
    ]


@functools.cache
def _environment() -> jinja2.Environment:
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.PackageLoader("lens_pipeline.report"), autoescape=True, trim_blocks=True
    )
    found.globals["style"] = (files("lens_pipeline.report") / "templates" / "style.css").read_text()
    found.globals["place"] = _place
    found.globals["finite"] = math.isfinite
    found.filters["shown"] = shown
    return found


def _place(value: float, table: ScoreTable) -> float:
    """Return where on the drawing of an interval a score stands, in pixels from the left."""
    span = (table.high - table.low) or 1.0
    return round(4 + (value - table.low) / span * (_WIDTH - 8), 1)
