"""The columns of operations and modules as JSON: every distinct cell once, cells by its number.

Most columns repeat themselves (files, classes, shapes), so a page of thousands of operations stays
at one or two megabytes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lens_pipeline.columns import MODULE_COLUMNS, OP_COLUMNS, Column, Overview
from lens_pipeline.columns.module_table import module_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def tables(o: Overview) -> dict[str, Any]:
    """Return the tables of operations and of modules, columns made on request left out."""
    modules = module_rows(o)
    return {
        "ops": [_encoded(o, column, o.trace.ops) for column in _shown(OP_COLUMNS.values())],
        "modules": [_encoded(o, column, modules) for column in _shown(MODULE_COLUMNS.values())],
        "addresses": [address for address, _ in modules],
    }


def json_value(value: Any) -> Any:
    """Return a value that JSON has: a float that is no number or infinite as its name.

    >>> json_value([1.5, float("nan"), (float("-inf"),)])
    [1.5, 'nan', ['-inf']]
    """
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {str(key): json_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [json_value(item) for item in value]
    return value


def _shown(columns: Iterable[Column]) -> list[Column]:
    return [column for column in columns if not column.on_request]


def _encoded(o: Overview, column: Column, rows: Sequence[Any]) -> dict[str, Any]:
    cells = [json_value(column.function(o, row)) for row in rows]
    described = {"name": column.name, "unit": column.unit, "text": column.text}
    if column.type == "list[str]":
        items: dict[str, int] = {}
        cells = [[items.setdefault(item, len(items)) for item in cell or ()] for cell in cells]
        described["items"] = list(items)  # type: ignore[assignment]
    return {**described, **_distinct(cells)}


def _distinct(cells: Sequence[Any]) -> dict[str, Any]:
    """Return the distinct cells and for each row which it has; the cells where that is longer."""
    numbers: dict[str, int] = {}
    # by text, since 1, 1.0 and True are equal, and lists have no hash
    at = [numbers.setdefault(repr(cell), len(numbers)) for cell in cells]
    if len(numbers) > len(cells) // 2:
        return {"values": list(cells)}
    first = dict(zip(reversed(at), reversed(cells), strict=True))
    return {"values": [first[number] for number in range(len(first))], "at": at}
