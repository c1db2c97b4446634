"""Tables of a Trace as pandas data frames and as csv, parquet and json files.

The columns, with their units, are those of `lens_pipeline.columns`, described in its
COLUMNS.md. A file is whole or it is not there. Cells that hold lists are lists in a data frame, in
parquet and in json, and json text in csv.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import replacing
from lens_pipeline.columns import choose, table
from lens_pipeline.errors import StoreError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pandas as pd
    import pyarrow as pa

    from lens_pipeline.columns import Column
    from lens_pipeline.tracer.trace import Trace

    Table = dict[str, list[Any]]

_PANDAS_TYPES = {"int": "Int64", "float": "float64", "bool": "boolean", "str": "string"}


def to_pandas(
    trace: Trace, what: str = "ops", *, columns: Sequence[str] | None = None
) -> pd.DataFrame:
    """Return a table of a Trace as a data frame; an empty cell is missing.

    `what` is "ops", "layers", "modules", "module_calls", "parameters", "buffers" or "model".
    `columns` are names from COLUMNS.md; None is all but those that are made on request. Raises
    SelectorError for an unknown table or column.
    """
    import pandas as pd

    found = table(trace, what, columns=columns)
    return pd.DataFrame(
        {
            column.name: pd.Series(
                found[column.name], dtype=_PANDAS_TYPES.get(column.type, "object")
            )
            for column in choose(what, columns)
        }
    )


def write_table(
    trace: Trace,
    path: str | Path,
    *,
    what: str = "ops",
    columns: Sequence[str] | None = None,
) -> Path:
    """Write a table of a Trace to a file of the kind that its suffix says; return the path.

    `what` and `columns` as in `to_pandas`. Raises StoreError for an unknown suffix or a file that
    cannot be written, SelectorError for an unknown table or column.
    """
    path = Path(path)
    write = WRITERS.get(path.suffix.lower())
    if write is None:
        raise StoreError(
            f"A table cannot be written to {path}: the suffix {path.suffix!r} is none of "
            f"{', '.join(WRITERS)}; {nearest(path.suffix, WRITERS)}."
        )
    chosen, found = choose(what, columns), table(trace, what, columns=columns)
    with replacing(path) as temporary:
        write(temporary, found, chosen)
    return path


def write_csv(path: Path, found: Table, chosen: Sequence[Column]) -> None:
    """Write a table as text with commas, UTF-8; an empty cell is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(column.name for column in chosen)
        for row in zip(*found.values(), strict=True):
            writer.writerow(json.dumps(cell) if isinstance(cell, list) else cell for cell in row)


def write_json(path: Path, found: Table, chosen: Sequence[Column]) -> None:
    """Write a table as a list of one object per row, a row to a line; an empty cell is null."""
    names = [column.name for column in chosen]
    rows = (
        json.dumps(dict(zip(names, row, strict=True)), ensure_ascii=False)
        for row in zip(*found.values(), strict=True)
    )
    path.write_text("[\n" + ",\n".join(rows) + "\n]\n", encoding="utf-8")


def write_parquet(path: Path, found: Table, chosen: Sequence[Column]) -> None:
    """Write a table with the unit and the description of each column in its field's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            pa.field(
                column.name,
                _arrow_type(column.type),
                metadata={"unit": column.unit, "description": column.text},
            )
            for column in chosen
        ]
    )
    pq.write_table(pa.Table.from_pydict(found, schema=schema), path)


WRITERS: dict[str, Callable[[Path, Table, Sequence[Column]], None]] = {
    ".csv": write_csv,
    ".parquet": write_parquet,
    ".json": write_json,
}


def _arrow_type(name: str) -> pa.DataType:
    import pyarrow as pa

    if name.startswith("list["):
        return pa.list_(_arrow_type(name[5:-1]))
    return {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_(), "str": pa.string()}[name]
