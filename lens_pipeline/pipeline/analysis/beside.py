"""What an analysis makes beside scores: windows of passes in time, CKA, encoding models.

Each is made only where the config asks for it, and what it needs is checked before the long
computation starts.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import replacing
from lens_pipeline.rsa.figures.canvas import save_data, save_figure
from lens_pipeline.rsa.rdms import pass_name
from lens_pipeline.rsa.similarities.cka import cka_table
from lens_pipeline.rsa.time import mapped_scores, time_mapping, windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    import xarray as xr

    from lens_pipeline.pipeline.analysis.encoding import Grams
    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.rsa.time import Window

_LOG = logging.getLogger(__name__)
WINDOWS = "time.csv"
CKA = "cka.csv"
ENCODING = "encoding.csv"
# one row per unit
UNITS = "encoding_units.parquet"
FIGURE = "figures/encoding"
MAP = "figures/encoding_map"
_FACTS = ("model", "weights", "stand_in")


def check_beside(
    config: Config, stimulus_ids: Sequence[str], labels: Mapping[str, Sequence[str]]
) -> None:
    """Raise ComparisonError now for what would stop `beside` after the activations are made."""
    time_mapping(config.rsa.time_mapping)
    if config.encoding.methods:
        from lens_pipeline.pipeline.analysis.encoding import check_encoding

        check_encoding(config, stimulus_ids, labels)


def beside(config: Config, tree: xr.DataTree, folder: Path) -> dict[str, Any]:
    """Write what the config asks for beside RDMs, from the opened store; return what was made."""
    if not config.encoding.methods and not config.rsa.cka:
        return {}
    from lens_pipeline.pipeline.analysis.encoding import grams_of

    grams = grams_of(tree)
    made: dict[str, Any] = {}
    if config.rsa.cka:
        table = cka_table({pass_name(*part): products for part, products in grams.items()})
        _write(table, folder / CKA, index=True)
        made["cka"] = len(table)
    if config.encoding.methods:
        made["encoding"] = _write_encoding(config, tree, folder, grams=grams)
    return made


def _write_encoding(
    config: Config, tree: xr.DataTree, folder: Path, *, grams: Grams
) -> dict[str, int]:
    from lens_pipeline.encoding.columns import OF_GROUPS
    from lens_pipeline.encoding.figures import encoding_by_layer, encoding_map, region_cells
    from lens_pipeline.encoding.scores import summarise
    from lens_pipeline.pipeline.analysis.encoding import encoding_table

    units = encoding_table(config, tree, grams)
    table = summarise(units)
    table = table.assign(**{name: str(tree.attrs[name]) for name in _FACTS})
    _write(table[list(OF_GROUPS)], folder / ENCODING)
    with replacing(folder / UNITS) as temporary:
        units.to_parquet(temporary, index=False)
    title = f"{tree.attrs['model']} on {tree.attrs['stimuli']}"
    words = {"title": title, "stand_in": str(tree.attrs["stand_in"])}
    cells = region_cells(table)
    for name, figure, data in (
        (FIGURE, encoding_by_layer(table, **words), table),
        (MAP, encoding_map(cells, **words), cells),
    ):
        save_figure(figure, folder / name)
        save_data(data, folder / name)
    return {"rows": len(table), "units": len(units)}


def _write(table: pd.DataFrame, path: Path, *, index: bool = False) -> None:
    with replacing(path) as temporary:
        table.to_csv(temporary, index=index, index_label="layer:pass")


def write_windows(config: Config, scores: pd.DataFrame, folder: Path) -> None:
    """Write the scores of every pass within its own window of time, where there is a mapping."""
    timed = scores[scores["time_ms"].notna()]
    found = time_windows(config, timed)
    if config.rsa.time_mapping and not found:
        layers = ", ".join(time_mapping(config.rsa.time_mapping))
        why = (
            f"has none of the layers {layers}" if len(timed) else "is compared with no data in time"
        )
        _LOG.warning("rsa.time_mapping is of no use: this run %s", why)
    if found:
        _write(mapped_scores(timed, found), folder / WINDOWS)


def time_windows(config: Config, scores: pd.DataFrame) -> tuple[Window, ...]:
    """Return when the passes in a table of scores are, by rsa.time_mapping."""
    parts = list(dict.fromkeys(zip(scores["layer"], scores["pass"], strict=True)))
    return windows(parts, time_mapping(config.rsa.time_mapping))
