"""Everything that can be said of a Trace as columns of tables, each with name, type, unit, text.

`TABLES` holds the columns by table and name. A column is a function of the Trace (with what
follows from it, computed once per table) and of one of its records. More metadata is one more
column. `tables` makes data frames and files of these.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lens_pipeline.columns.column import Column
from lens_pipeline.columns.control import CONDITIONAL_COLUMNS
from lens_pipeline.columns.layer_table import LAYER_COLUMNS
from lens_pipeline.columns.module_table import (
    MODULE_CALL_COLUMNS,
    MODULE_COLUMNS,
    module_rows,
)
from lens_pipeline.columns.op_table import OP_COLUMNS
from lens_pipeline.columns.overview import Overview
from lens_pipeline.columns.state_table import (
    BUFFER_COLUMNS,
    MODEL_COLUMNS,
    PARAMETER_COLUMNS,
)
from lens_pipeline.errors import SelectorError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lens_pipeline.tracer.trace import Trace

__all__ = [
    "BUFFER_COLUMNS",
    "CONDITIONAL_COLUMNS",
    "LAYER_COLUMNS",
    "MODEL_COLUMNS",
    "MODULE_CALL_COLUMNS",
    "MODULE_COLUMNS",
    "OP_COLUMNS",
    "PARAMETER_COLUMNS",
    "TABLES",
    "Column",
    "Overview",
    "choose",
    "columns_markdown",
    "table",
]

TABLES: dict[str, dict[str, Column]] = {
    "ops": OP_COLUMNS,
    "layers": LAYER_COLUMNS,
    "modules": MODULE_COLUMNS,
    "module_calls": MODULE_CALL_COLUMNS,
    "parameters": PARAMETER_COLUMNS,
    "buffers": BUFFER_COLUMNS,
    "conditionals": CONDITIONAL_COLUMNS,
    "model": MODEL_COLUMNS,
}

_ROWS: dict[str, Callable[[Overview], Sequence[Any]]] = {
    "ops": lambda o: o.trace.ops,
    "layers": lambda o: o.trace.layers,
    "modules": module_rows,
    "module_calls": lambda o: o.trace.module_calls,
    "parameters": lambda o: o.trace.parameters,
    "buffers": lambda o: o.trace.buffers,
    "conditionals": lambda o: o.control.conditionals,
    "model": lambda o: (o.trace,),
}

_ONE_ROW_PER = {
    "ops": "executed operation",
    "layers": "Layer: an operation and all its visits",
    "modules": "module of the model, and per module made inside forward",
    "module_calls": "call of a module",
    "parameters": "parameter of the model, used or not",
    "buffers": "buffer of the model, used or not",
    "conditionals": "evaluation of an `if` or a ternary that the contents of a tensor decided",
    "model": "trace",
}


def choose(what: str, columns: Sequence[str] | None = None) -> tuple[Column, ...]:
    """Return columns of a table; for None all but those that are only made on request.

    Raises SelectorError for an unknown name.
    """
    if what not in TABLES:
        raise SelectorError(f"There is no table {what!r} of a trace; {nearest(what, TABLES)}.")
    known = TABLES[what]
    for name in columns or ():
        if name not in known:
            raise SelectorError(
                f"The table of {what} has no column {name!r} ({len(known)} columns, listed in "
                f"COLUMNS.md of lens_pipeline.columns); {nearest(name, known)}."
            )
    if columns is None:
        return tuple(column for column in known.values() if not column.on_request)
    return tuple(known[name] for name in columns)


def table(
    trace: Trace, what: str = "ops", *, columns: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """Return a table of a Trace as one list per column; an empty cell is None.

    `what` is a key of TABLES. Raises SelectorError for an unknown table or column.

    >>> import torch
    >>> from lens_pipeline import trace
    >>> traced = trace(torch.nn.Linear(2, 3), torch.zeros(1, 2))
    >>> table(traced, columns=["label", "flops"])
    {'label': ['input_1_0', 'linear_1_1', 'output_1_2'], 'flops': [0, 12, 0]}
    """
    chosen = choose(what, columns)
    overview = Overview(trace)
    rows = _ROWS[what](overview)
    return {
        column.name: [_listed(column.function(overview, row)) for row in rows] for column in chosen
    }


def columns_markdown() -> str:
    """Return the description of every column of every table, as kept in COLUMNS.md."""
    lines = ["# Columns", "", "Made by `lens_pipeline.columns.columns_markdown()`.", ""]
    for what, columns in TABLES.items():
        lines += [f"## {what}", "", f"One row per {_ONE_ROW_PER[what]}.", ""]
        lines += ["| column | type | unit | what it says |", "| --- | --- | --- | --- |"]
        lines += [*map(_described, columns.values()), ""]
    return "\n".join(lines)


def _described(column: Column) -> str:
    text = f"{column.text} Only where it is asked for." if column.on_request else column.text
    return f"| `{column.name}` | {column.type} | {column.unit} | {text} |"


def _listed(value: Any) -> Any:
    """Return tuples as lists, so that a table is the same before and after a file."""
    if isinstance(value, tuple | list):
        return [_listed(item) for item in value]
    return value
