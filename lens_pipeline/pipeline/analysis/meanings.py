"""columns.csv of a run: what every column of its tables holds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.atomic import replacing
from lens_pipeline.encoding.columns import OF_GROUPS, OF_UNITS
from lens_pipeline.pipeline.config import NO_RDMS
from lens_pipeline.rsa.columns import CHOSEN, COMPARED, FITTED_MODELS, PARTED, SCORED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from lens_pipeline.pipeline.config import Config

COLUMNS = "columns.csv"
# file -> column -> what it holds
MEANINGS: Mapping[str, Mapping[str, str]] = {
    "scores.csv": SCORED,
    "comparisons.csv": COMPARED,
    "choices.csv": CHOSEN,
    "parts.csv": PARTED,
    "fitted.csv": FITTED_MODELS,
    "encoding.csv": OF_GROUPS,
    "encoding_units.parquet": OF_UNITS,
    "layers.csv": {
        "LAYER:PASS": "likeness of that layer's RDM to the row's, by the first of rsa.measure"
    },
    "cka.csv": {"LAYER:PASS": "linear CKA, debiased, of that layer and the row's"},
}


def write_meanings(folder: Path, names: Iterable[str]) -> None:
    """Write a row per column of these tables, keys of MEANINGS; no file if there are none."""
    import pandas as pd

    rows = [(name, *pair) for name in names for pair in MEANINGS[name].items()]
    if rows:
        with replacing(folder / COLUMNS) as temporary:
            table = pd.DataFrame(rows, columns=["table", "column", "meaning"])
            table.to_csv(temporary, index=False)


def meant(config: Config) -> list[str]:
    """Return the tables that an analysis may write; inference leaves out what data are too few for.

    Those of a time mapping and of health explain themselves.
    """
    made = {
        "cka.csv": config.rsa.cka,
        **dict.fromkeys(("encoding.csv", "encoding_units.parquet"), bool(config.encoding.methods)),
        "fitted.csv": bool(config.rsa.fitted),
    }
    return [name for name in MEANINGS if made.get(name, config.rsa.method != NO_RDMS)]
