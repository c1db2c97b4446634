"""The published ratings of THINGS as tables of features, one file per set of properties.

Each table names its rows in its own way and order: two write spaces for the underscores of
uniqueID, one is separated by semicolons, none can be joined by row. Keys are brought to uniqueID
and joined by it, and a table that has other concepts than the rest is refused. A file of features
has a column stimulus_id and columns that were brought to zero mean and unit variance, so that no
scale counts for more because its numbers are larger.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from lens_pipeline.atomic import replacing
from lens_pipeline.errors import ConfigError, nearest

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "uniqueID"


@dataclass(frozen=True)
class Source:
    """One published table."""

    file: str
    separator: str
    what: str


PROPERTIES = Source("animacy.csv", ",", "property ratings of THINGSplus")
SIZES = Source("size_fixed.csv", ";", "size ratings of THINGSplus")
CATEGORIES = Source("Categories_final_20200131_fixedUniqueID.tsv", "\t", "the 53 categories")
FILES = {one.file: one.what for one in (PROPERTIES, SIZES, CATEGORIES)}


@dataclass(frozen=True)
class PropertySet:
    """Columns of one table that make one RDM."""

    source: Source
    # empty: every column beside the key and Word
    columns: tuple[str, ...] = ()
    # ratings are standardised; memberships are 0 or 1 and stay so
    standardised: bool = True


# name of the set, which is that of its file
PROPERTY_SETS = {
    "animacy": PropertySet(
        PROPERTIES, ("lives_mean", "moves_mean", "natural_mean", "manmade_mean")
    ),
    "manipulability": PropertySet(
        PROPERTIES, ("grasp_mean", "hold_mean", "be.moved_mean", "heavy_mean")
    ),
    "affect": PropertySet(PROPERTIES, ("pleasant_mean", "arousing_mean", "precious_mean")),
    "size": PropertySet(SIZES, ("meanSize", "meanRange")),
    "categories": PropertySet(CATEGORIES, standardised=False),
}


def write_ratings(data: Path, folder: Path) -> list[Path]:
    """Write NAME.csv of each property set into `folder` and return their paths.

    Raises ConfigError for a table without its columns, with a key twice or with a rating missing,
    and for tables that do not hold the same concepts.
    """
    tables = {source: read_table(data, source) for source in (PROPERTIES, SIZES, CATEGORIES)}
    first = tables[PROPERTIES].index
    for source, table in tables.items():
        if odd := sorted(set(table.index) ^ set(first)):
            raise ConfigError(
                f"{data / source.file} and {data / PROPERTIES.file} differ in {len(odd)} concepts, "
                f"the first is {odd[0]}; give tables of one release."
            )
    written = []
    for name, wanted in PROPERTY_SETS.items():
        # in one order, whatever that of the table
        features = _features(tables[wanted.source], wanted, data=data).reindex(first)
        path = folder / f"{name}.csv"
        with replacing(path) as temporary:
            features.to_csv(temporary, index_label="stimulus_id")
        written.append(path)
    return written


def read_table(data: Path, source: Source) -> pd.DataFrame:
    """Return a published table indexed by uniqueID, with underscores as in the image folders."""
    path = data / source.file
    # a concept called null or NA is a word
    table = pd.read_csv(path, sep=source.separator, dtype={_KEY: str}, keep_default_na=False)
    if _KEY not in table:
        raise ConfigError(f"{path} has no column {_KEY}; {nearest(_KEY, list(table))}.")
    keys = table[_KEY].str.strip().str.replace(" ", "_", regex=False)
    if keys.duplicated().any():
        raise ConfigError(f"{path} has the concept {keys[keys.duplicated()].iloc[0]} twice.")
    return table.set_index(keys)


def _features(table: pd.DataFrame, wanted: PropertySet, *, data: Path) -> pd.DataFrame:
    path = data / wanted.source.file
    columns = list(wanted.columns) or [name for name in table if name not in (_KEY, "Word")]
    for name in columns:
        if name not in table:
            raise ConfigError(f"{path} has no column {name}; {nearest(name, list(table))}.")
    numbers = table[columns].apply(pd.to_numeric, errors="coerce")
    if not wanted.standardised:
        # an empty cell says that the concept is not in the category
        return numbers.fillna(0).astype(int)
    if numbers.isna().any(axis=None):
        concept = numbers.index[numbers.isna().any(axis=1)][0]
        raise ConfigError(f"{path} has no rating of {concept} in one of {', '.join(columns)}.")
    return (numbers - numbers.mean()) / numbers.std(ddof=0)
