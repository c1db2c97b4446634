"""A table of stimuli: one row a stimulus, `stimulus_id`, `filename` and any label columns.

Every cell is text, so that the id 007 stays 007. Comma, semicolon and tab separated text is read by
the standard library, which starts faster than pandas; parquet by pyarrow.
"""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import StimulusError, nearest
from lens_pipeline.stimulus_set.records import Account, StimulusSet
from lens_pipeline.stimulus_set.scanning import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

Columns = dict[str, tuple[str, ...]]

_ID, _FILE = "stimulus_id", "filename"


def open_table(table: Path, *, root: Path, on_error: str) -> StimulusSet:
    """Return the stimuli of `table`, whose file names are relative to `root`.

    A row whose file is absent or is no image stops, or with `on_error="skip"` is refused. Raises
    StimulusError for a table that cannot be read, lacks a column, repeats an id, or is empty.
    """
    columns = read_table(table)
    for name in (_ID, _FILE):
        _require_column(name, columns, table)
    _require_filled(columns, table)
    _require_unique(columns, table)
    files = tuple(_under(root, name) for name in columns[_FILE])
    problems = {n: why for n, file in enumerate(files) if (why := _problem(root, file))}
    kept = [n for n in range(len(files)) if n not in problems]
    if problems and (on_error == "stop" or not kept):
        raise StimulusError(_problem_text(problems, columns, table, root))
    return StimulusSet(
        name=table.stem,
        root=root,
        ids=tuple(columns[_ID][n] for n in kept),
        files=tuple(files[n] for n in kept),
        labels={
            name: tuple(column[n] for n in kept)
            for name, column in columns.items()
            if name not in (_ID, _FILE)
        },
        account=Account(
            found=len(files),
            listed=len(kept),
            refused=tuple((files[n], why) for n, why in problems.items()),
        ),
    )


def read_table(path: Path) -> Columns:
    """Return the columns of a table as text, in their order.

    Raises StimulusError for a missing file, an unknown suffix, or rows that do not fit the header.
    """
    if not path.is_file():
        raise StimulusError(f"There is no table {path}; set stimuli.table to a file that exists.")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise StimulusError(
            f"{path} is no table that can be read: its suffix is {path.suffix!r} and "
            f"{', '.join(READERS)} are allowed; save it as one of these."
        )
    return reader(path)


def _read_text(path: Path) -> Columns:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.reader(file, delimiter=_delimiter(first, path))
            numbered = [(rows.line_num, row) for row in rows if any(cell.strip() for cell in row)]
    except UnicodeDecodeError as error:
        raise StimulusError(f"{path} is not UTF-8 text ({error}); save it as UTF-8.") from error
    except csv.Error as error:
        raise StimulusError(f"{path} cannot be read as a table ({error}).") from error
    if not numbered:
        raise StimulusError(f"The table {path} is empty; it needs the columns {_ID} and {_FILE}.")
    header = [name.strip() for name in numbered[0][1]]
    repeated = [name for name, count in Counter(header).items() if count > 1]
    if repeated:
        raise StimulusError(f"{path} has two columns {repeated[0]!r}; rename one.")
    for line, row in numbered[1:]:
        if len(row) != len(header):
            raise StimulusError(
                f"Line {line} of {path} has {len(row)} cells where the header has {len(header)}; "
                "quote cells that contain the separator."
            )
    body = [[cell.strip() for cell in row] for _, row in numbered[1:]]
    return {name: tuple(row[k] for row in body) for k, name in enumerate(header)}


def _delimiter(header: str, path: Path) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    return ";" if ";" in header and "," not in header else ","


def _read_parquet(path: Path) -> Columns:
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (pyarrow.ArrowException, OSError) as error:
        reason = str(error).partition("\n")[0]
        raise StimulusError(f"{path} cannot be read as parquet ({reason}).") from error
    return {
        name: tuple("" if cell is None else str(cell) for cell in column.to_pylist())
        for name, column in zip(table.column_names, table.columns, strict=True)
        if not name.startswith("__index_level_")
    }


READERS: dict[str, Callable[[Path], Columns]] = {
    ".csv": _read_text,
    ".tsv": _read_text,
    ".parquet": _read_parquet,
}


def _require_column(name: str, columns: Columns, table: Path) -> None:
    if name not in columns:
        raise StimulusError(
            f"{table} has no column {name!r} among {', '.join(map(repr, columns))}; "
            f"{nearest(name, columns)}; rename the column that is meant."
        )
    if not columns[name]:
        raise StimulusError(f"The table {table} has a header and no row; add a row a stimulus.")


def _require_filled(columns: Columns, table: Path) -> None:
    for name in (_ID, _FILE):
        if "" in columns[name]:
            row = columns[name].index("") + 1
            raise StimulusError(f"Row {row} of {table} has no {name}; fill it in or drop the row.")


def _require_unique(columns: Columns, table: Path) -> None:
    seen: dict[str, int] = {}
    for n, one in enumerate(columns[_ID]):
        if one in seen:
            first = seen[one]
            raise StimulusError(
                f"Stimulus id {one!r} stands in two rows of {table}, {first + 1} "
                f"({columns[_FILE][first]}) and {n + 1} ({columns[_FILE][n]}); make ids unique."
            )
        seen[one] = n


def _under(root: Path, name: str) -> str:
    if "\\" in name and not (root / name).exists():
        name = name.replace("\\", "/")
    path = Path(name)
    if path.is_absolute() and path.is_relative_to(root):
        path = path.relative_to(root)
    return path.as_posix()


def _problem(root: Path, file: str) -> str | None:
    if not (root / file).is_file():
        return "there is no such file"
    return refusal(file)


def _problem_text(problems: dict[int, str], columns: Columns, table: Path, root: Path) -> str:
    n, why = next(iter(problems.items()))
    more = f" (and {len(problems) - 1} more rows)" if len(problems) > 1 else ""
    return (
        f"Row {n + 1} of {table} names {columns[_FILE][n]}, looked for in {root}: {why}{more}; "
        "set stimuli.root to the folder that file names start from, correct the table, or set "
        "stimuli.on_error=skip."
    )
