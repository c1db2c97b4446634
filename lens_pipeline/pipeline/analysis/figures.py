"""Every figure of an analysis and the data behind it, in the folder figures/ of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.pipeline.analysis.beside import time_windows
from lens_pipeline.rsa.figures.canvas import save_data, save_figure
from lens_pipeline.rsa.figures.likeness import likeness_matrix, mds_map
from lens_pipeline.rsa.figures.rdms import rdm_grid
from lens_pipeline.rsa.figures.regions import region_map
from lens_pipeline.rsa.figures.scores import score_by_layer
from lens_pipeline.rsa.figures.tables import likeness_rows, map_points, rdm_cells, scored
from lens_pipeline.rsa.figures.time import time_map

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from lens_pipeline.pipeline.analysis.analyse import Compared
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.references.loading import Reference

FIGURES = "figures"
# name, figure, what it shows
Drawn = tuple[str, "Figure", "pd.DataFrame"]


def write_figures(
    config: Config,
    compared: Compared,
    references: Sequence[Reference],
    *,
    folder: Path,
    title: str,
    stand_in: str,
) -> None:
    """Draw everything into `folder`/figures, each as PNG and SVG with its data as csv."""
    words = {"title": title, "stand_in": stand_in}
    for name, figure, data in _drawn(config, compared, references, words):
        save_figure(figure, folder / FIGURES / name)
        save_data(data, folder / FIGURES / name)


def _drawn(
    config: Config, compared: Compared, references: Sequence[Reference], words: dict[str, str]
) -> Iterator[Drawn]:
    rdms, likeness = compared.rdms, compared.layers
    still = [one for one in references if one.time is None]
    yield "rdms", rdm_grid(rdms, references=still, **words), rdm_cells(rdms, still)
    how = {"measure": compared.likeness, **words}
    yield "layers", mds_map(likeness, **how), map_points(likeness)
    yield "likeness", likeness_matrix(likeness, **how), likeness_rows(likeness)
    if not references:
        return
    for measure, rows in compared.scores.groupby("measure", sort=False):
        yield from _of_scores(config, compared, rows, measure=str(measure), words=words)


def _of_scores(
    config: Config, compared: Compared, rows: pd.DataFrame, *, measure: str, words: dict[str, str]
) -> Iterator[Drawn]:
    rdms = compared.rdms
    layers = tuple(dict.fromkeys(layer for layer, _ in rdms.parts))
    untimed, timed = rows[rows["time_ms"].isna()], rows[rows["time_ms"].notna()]
    if len(untimed):
        figure = score_by_layer(untimed, layers=layers, flags=rdms.flags, **words)
        yield f"scores_{measure}", figure, scored(untimed)
    if len(set(untimed["reference"])) > 1:
        yield f"regions_{measure}", region_map(untimed, **words), scored(untimed)
    if len(timed):
        figure = time_map(timed, windows=time_windows(config, timed), **words)
        yield f"time_{measure}", figure, scored(timed)
