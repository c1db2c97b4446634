"""What a column is: a function of a Trace and one of its records, with name, type, unit, text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from lens_pipeline.columns.overview import Overview

Type = Literal["int", "float", "bool", "str", "list[int]", "list[str]", "list[list[int]]"]


@dataclass(frozen=True, slots=True)
class Column:
    """One thing that can be said of every row of a table."""

    name: str
    type: Type
    # unit of the numbers, such as "bytes"; "" where they have none or are text
    unit: str
    # what it says, and what an empty cell means if there can be one
    text: str
    # called with the Overview of the Trace and the row's record; None is an empty cell
    function: Callable[[Overview, Any], Any]
    # it takes seconds, so it is in a table only where it is named
    on_request: bool = False


def registry(*columns: Column) -> dict[str, Column]:
    """Return the columns by name, in order."""
    found = {column.name: column for column in columns}
    assert len(found) == len(columns), "two columns of one table have one name"
    return found
