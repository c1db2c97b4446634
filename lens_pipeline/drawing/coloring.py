"""Boxes coloured by a number: a column of the table of Ops, or scores that the user gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lens_pipeline.columns import OP_COLUMNS
from lens_pipeline.drawing.picture import Scale
from lens_pipeline.drawing.quantities import quantity
from lens_pipeline.errors import TraceError, nearest
from lens_pipeline.tracer.lookup import directory, find_place

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.columns.column import Column
    from lens_pipeline.drawing.picture import Box

# units of columns that are added up over the Ops of a box; of all others the mean is taken
ADDED = frozenset({"s", "FLOP", "MAC", "bytes", "numbers"})
# what people call some columns
_ALSO = {"time": "seconds", "memory": "bytes"}


def colored(
    o: Overview, drawn: Sequence[Box], by: str | Mapping[str, float]
) -> tuple[tuple[Box, ...], Scale]:
    """Return the boxes with what they are coloured by, and what the colours say.

    `by` is a column of the table of Ops, or the score of each layer, Op or module by any name by
    which a Trace finds it. Raises TraceError for a column that is not there or holds no numbers,
    SelectorError for a name that is not there.
    """
    if isinstance(by, Mapping):
        name, unit, values = "score", "", _scores(o, drawn, by)
    else:
        column = numeric_column(by)
        name, unit, values = column.name, column.unit, [_of_column(o, b, column) for b in drawn]
    known = [value for value in values if value is not None]
    low = min(known, default=0.0)
    scale = Scale(
        name,
        unit,
        min(low, 0.0) if unit in ADDED else low,
        max(known, default=0.0),
    )
    told = tuple(
        box
        if value is None
        else dataclasses.replace(
            box, value=value, lines=(*box.lines, f"{name}: {quantity(value, unit)}")
        )
        for box, value in zip(drawn, values, strict=True)
    )
    return told, scale


def numeric_column(name: str) -> Column:
    """Return the column. Raises TraceError where there is none of that name with numbers."""
    column = OP_COLUMNS.get(_ALSO.get(name, name))
    numeric = [each.name for each in OP_COLUMNS.values() if each.type in ("int", "float")]
    if column is None:
        raise TraceError(
            f"There is no column {name!r} to colour by; {nearest(name, [*numeric, *_ALSO])}."
        )
    if column.name not in numeric:
        raise TraceError(
            f"Column {name} holds {column.type}, not numbers to colour by, as seconds, flops, "
            f"bytes and {len(numeric) - 3} others do; COLUMNS.md of lens_pipeline.columns lists "
            f"them."
        )
    return column


def _of_column(o: Overview, box: Box, column: Column) -> float | None:
    """Return the number of a box; of Ops of one call the time counts once."""
    if box.kind not in ("operation", "module"):
        return None
    ops = box.ops
    if column.name == "seconds":
        ops = tuple({op.call: op for op in ops}.values())
    values = [float(value) for op in ops if (value := column.function(o, op)) is not None]
    if not values:
        return None
    return sum(values) if column.unit in ADDED else sum(values) / len(values)


def _scores(o: Overview, drawn: Sequence[Box], scores: Mapping[str, float]) -> list[float | None]:
    """Return the mean of the scores that name an Op of a box; of a closed module its own alone."""
    names = directory(o.trace)
    found: dict[int, list[tuple[str, float]]] = {}
    for key, score in scores.items():
        for op in find_place(names, key).ops:
            found.setdefault(op, []).append((key, _number(key, score)))
    means: list[float | None] = []
    for box in drawn:
        named = [one for op in box.ops for one in found.get(op.index, ())]
        own = [one for one in named if box.module and _names(one[0], box.address)]
        values = [score for _, score in (own or named) if box.kind != "buffer"]
        means.append(sum(values) / len(values) if values else None)
    return means


def _names(key: str, address: str) -> bool:
    """Say whether a key is a module's address, alone or with a place or a pass."""
    return key == address or key.startswith((f"{address}:", f"{address}@"))


def _number(key: str, score: float) -> float:
    try:
        return float(score)
    except (TypeError, ValueError) as error:
        raise TraceError(
            f"The score of {key!r} is {score!r}, which is no number; leave it out, or give one."
        ) from error
