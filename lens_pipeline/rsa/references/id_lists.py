"""Stimulus ids from a column of a table, for data files that have none of their own."""

from __future__ import annotations

import csv
from pathlib import PurePath
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError, nearest

if TYPE_CHECKING:
    from pathlib import Path

_IMAGES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif")


def read_ids(path: Path, column: str | None) -> tuple[str, ...]:
    """Return the ids of a .csv or .tsv column, or the lines of any other file, in order.

    Of paths of images the stem is the id, as it is for a folder of images. Raises ComparisonError
    for a file or column that is not there.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ComparisonError(
            f"The list of stimulus ids {path} (brain.ids) cannot be read: {error.strerror}."
        ) from error
    separators = {".csv": ",", ".tsv": "\t"}
    if path.suffix.lower() not in separators:
        values = [line.strip() for line in text.splitlines() if line.strip()]
    else:
        table = csv.DictReader(text.splitlines(), delimiter=separators[path.suffix.lower()])
        names = list(table.fieldnames or ())
        if column not in names:
            near = nearest(column or "", names)
            raise ComparisonError(f"{path} has no column {column!r} (brain.ids); {near}.")
        values = [row[str(column)] for row in table]
    images = all(PurePath(value).suffix.lower() in _IMAGES for value in values)
    return tuple(PurePath(value).stem if images else value for value in values)
