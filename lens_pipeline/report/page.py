"""Fills the templates in: a run's page and a sweep's page."""

from __future__ import annotations

import functools
import math
import os
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.report.citations import citations
from lens_pipeline.report.contents import read_contents, read_figures, read_tables
from lens_pipeline.report.sections import (
    choice_sentences,
    facts,
    plain_table,
    score_tables,
    shown,
)
from lens_pipeline.store.atomic import write_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jinja2

    from lens_pipeline.report.sections import ScoreTable

REPORT = "report.html"

# Figures in the order of reading, with what stands under them; others follow by name.
_CAPTIONS = {
    "scores": "Scores by layer and pass, with confidence intervals; the band is the noise ceiling.",
    "time": "Passes of the model against the time of the brain's response.",
    "rdms": "Dissimilarities of the stimuli in each layer and pass.",
    "layers": "How alike the layers are, as correlations of their dissimilarities.",
    "likeness": "A map of layers and references: near means alike.",
    "encoding": "Responses predicted from each layer and pass.",
}
# the drawing of an interval, in pixels
_WIDTH, _HEIGHT = 120, 14


def write_run_report(folder: Path) -> Path:
    """Write the report of the finished run in `folder` and return its path.

    Raises StoreError if there is no finished run, or the page cannot be written.
    """
    contents = read_contents(folder)
    tables = contents.tables
    page = _environment().get_template("run.html").render(
        name=contents.name,
        stand_ins=contents.record["stand_ins"],
        facts=facts(contents),
        scores=score_tables(tables["scores"]) if len(tables.get("scores", ())) else (),
        choices=choice_sentences(tables["choices"]) if "choices" in tables else (),
        figures=_captioned(contents.figures),
        tables=[
            (title, *plain_table(tables[name]))
            for name, title in _TABLES.items()
            if name in tables and len(tables[name])
        ],
        warnings=[str(item) for item in contents.record["analysis"].get("health") or ()],
        config=contents.config,
        citations=citations(contents.record["config"]),
    )  # fmt: skip
    write_text(folder / REPORT, page)
    return folder / REPORT


_TABLES = {
    "health": "Health of the activations",
    "comparisons": "Layers and passes against each other",
    "encoding": "Encoding models",
    "cka": "Linear CKA",
}


def write_sweep_report(folder: Path, runs: Sequence[Path]) -> Path:
    """Write the page of a sweep: its table of scores, its figures and a line per run.

    `runs` are run folders; those without a finished run are listed as such. Raises StoreError if
    the page cannot be written.
    """
    table = read_tables(folder).get("sweep")
    page = _environment().get_template("sweep.html").render(
        name=folder.name,
        runs=[(run.name, _link(run, folder)) for run in runs],
        figures=_captioned(read_figures(folder)),
        tables=[] if table is None else [("Scores of all runs", *plain_table(table))],
    )  # fmt: skip
    write_text(folder / REPORT, page)
    return folder / REPORT


def _link(run: Path, folder: Path) -> str | None:
    """Return the address of a run's page as seen from the sweep's; None where there is none."""
    page = run / REPORT
    if not page.is_file():
        return None
    return Path(os.path.relpath(page, folder)).as_posix()


def _captioned(figures: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return (name, address, caption), in the order of reading."""
    order = list(_CAPTIONS)

    def kind(name: str) -> int:
        return next((at for at, begin in enumerate(order) if name.startswith(begin)), len(order))

    return [
        (name, figures[name], _CAPTIONS[order[kind(name)]] if kind(name) < len(order) else name)
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
