"""How a page looks when it is opened: what is open, rolled or not, coloured by what."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.drawing.coloring import ADDED, numeric_column
from lens_pipeline.drawing.places import view_of
from lens_pipeline.errors import TraceError

if TYPE_CHECKING:
    from lens_pipeline.columns import Overview


@dataclass(frozen=True)
class Start:
    """What a reader sees first and can change."""

    # modules nested this deep are closed: 1 all, 0 none
    depth: int = 1
    # one box per layer; else one per operation
    rolled: bool = True
    # a column with numbers of the table of Ops, or "score"; None colours by what a box is
    color: str | None = None
    # of the references of a run that by whose scores boxes are coloured; None is the first
    reference: str | None = None


def start_values(o: Overview, start: Start, *, scored: bool) -> dict[str, Any]:
    """Return a Start as JSON values, with the numbers of its column.

    Raises TraceError for a depth or column that is not there, and for scores where `scored` says
    that the page has none.
    """
    # closed modules are what every page can start with, nested or not
    if start.depth != 1:
        view_of(o.trace, rolled=start.rolled, depth=start.depth, module="")
    values = {"depth": start.depth, "rolled": start.rolled, "reference": start.reference or ""}
    if start.color is None or start.color == "score":
        if start.color and not scored:
            raise TraceError(
                "A page has no scores to colour by without the run of its model; give it as `run`, "
                "or colour by a column such as flops."
            )
        return {**values, "color": start.color or ""}
    column = numeric_column(start.color)
    return {
        **values,
        "color": column.name,
        "unit": column.unit,
        "added": column.unit in ADDED,
        "numbers": [_finite(column.function(o, op)) for op in o.trace.ops],
    }


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
