"""Tables of text files and parquet: a square RDM with ids, features of stimuli, or responses.

A table is an RDM when its columns are its rows: as many, and with the same names where both have
names. It holds responses when a column says `repetition`, or when it is long, with columns `unit`
and `response`. Everything else is features, one row per stimulus. The key names columns of features
or units, joined by +.
"""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.matrices import ID_NAMES, Matrices, Table, choose
from lens_pipeline.rsa.references.table_responses import is_responses, responses_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from lens_pipeline.rsa.references.responses import Responses

_SEPARATORS = ",;\t"


def read_table(path: Path, key: str | None) -> Matrices | Table | Responses:
    """Read .csv and .tsv (any of comma, semicolon, tab) and .parquet."""
    if path.suffix.lower() == ".parquet":
        frame, named = _parquet(path), True
    else:
        frame, named = _text(path)
    if is_responses(frame):
        return responses_of(frame, key, path=path)
    ids, columns = _split_ids(frame)
    numbers = columns.select_dtypes(["number", "bool"])
    if key is None and _is_rdm(numbers, columns, ids=ids, named=named):
        names = tuple(map(str, columns.columns)) if named else None
        return Matrices(numbers.to_numpy(np.float64)[None], ids or names)
    if key is not None:
        numbers = numbers[
            [choose(name, list(numbers.columns), path=path) for name in key.split("+")]
        ]
    if not len(numbers.columns):
        raise ComparisonError(
            f"The reference {path} has no column of numbers beside its ids; give one column per "
            "unit, or a square table of dissimilarities."
        )
    return Table(numbers.to_numpy(np.float64), ids)


def _parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    frame = pd.read_parquet(path)
    return frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index(names="id")


def _text(path: Path) -> tuple[pd.DataFrame, bool]:
    """Return the table and whether its first line names the columns."""
    import pandas as pd

    with path.open(encoding="utf-8-sig", newline="") as file:
        line = file.readline()
    separator = max(_SEPARATORS, key=line.count)
    first = next(csv.reader([line], delimiter=separator), [])
    named = not all(_is_number(cell) for cell in first) or _is_header(path, first, separator)
    # ids keep their leading zeros; they are the first column unless another is named so
    ids = [index for index, name in enumerate(first) if name in ID_NAMES] or [0]
    texts = dict.fromkeys(ids if named else [], str)
    frame = pd.read_csv(
        path,
        sep=separator,
        header=0 if named else None,
        dtype={first[index] or f"Unnamed: {index}": kind for index, kind in texts.items()},
        encoding="utf-8-sig",
    )
    return frame, named


def _is_header(path: Path, first: list[str], separator: str) -> bool:
    """Say whether a first line of numbers names columns: it is one line too many for a square."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        n_lines = sum(1 for row in csv.reader(file, delimiter=separator) if row)
    return n_lines == len(first) + 1


def _split_ids(frame: pd.DataFrame) -> tuple[tuple[str, ...] | None, pd.DataFrame]:
    """Take the ids from the column named so, else from the first where it can only be ids."""
    import pandas as pd

    named = [name for name in frame.columns if name in ID_NAMES]
    column = named[0] if named else frame.columns[0]
    values = tuple(map(str, frame[column]))
    if not named and not _only_ids(column, values, others=list(frame.columns[1:])):
        numbers = frame.copy()
        numbers[column] = pd.to_numeric(numbers[column])
        return None, numbers
    return values, frame.drop(columns=column)


def _only_ids(column: object, values: Sequence[str], *, others: Sequence[object]) -> bool:
    """Say whether a first column has no name, holds text, or names the other columns."""
    unnamed = str(column).startswith("Unnamed: ")
    return unnamed or not all(map(_is_number, values)) or tuple(map(str, others)) == tuple(values)


def _is_rdm(
    numbers: pd.DataFrame, columns: pd.DataFrame, *, ids: tuple[str, ...] | None, named: bool
) -> bool:
    square = len(numbers) == len(numbers.columns) == len(columns.columns)
    if not square or not named or ids is None:
        return square
    return tuple(map(str, columns.columns)) == ids


def _is_number(text: object) -> bool:
    try:
        float(str(text))
    except ValueError:
        return False
    return True
