"""The border of one submodule: what leads into it and who reads what it makes.

An input or output of the model that the submodule touches is drawn as itself. Anything else outside
is one box for each tensor that comes in, and one for each that is read outside.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lens_pipeline.columns.ops import leaf
from lens_pipeline.drawing.picture import Box
from lens_pipeline.drawing.places import Place, box_name
from lens_pipeline.drawing.wording import sizes
from lens_pipeline.tracer.wording import listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.drawing.places import View
    from lens_pipeline.tracer.records import Op


@dataclass(slots=True)
class Border:
    """What stands at the border; empty where the whole model is drawn."""

    # where an Op outside whose output is read inside is drawn, by its index
    coming_in: dict[int, Place] = field(default_factory=dict)
    # where the readers outside of an Op inside are drawn, by the index of the Op inside
    going_out: dict[int, Place] = field(default_factory=dict)
    # Ops of each box at the border: those outside, or those inside that are read outside
    ops: dict[str, list[Op]] = field(default_factory=dict)
    # labels of the readers outside by the box that stands for them
    readers: dict[str, dict[str, None]] = field(default_factory=dict)


def place_ends(o: Overview, view: View, found: list[Place | None]) -> None:
    """Give inputs and outputs of the model that touch what is drawn the place of their own."""
    for op in o.trace.ops:
        near = (*op.parents, *o.children[op.index])
        if op.kind != "call" and found[op.index] is None and any(found[n] for n in near):
            found[op.index] = Place(box_name(o, op, view), None, (), op.pass_number)


def border(o: Overview, view: View, found: Sequence[Place | None]) -> Border:
    """Return what stands at the border of the Ops that have a place."""
    made = Border()
    for op in o.trace.ops:
        for parent in op.parents:
            inner = found[parent]
            if found[op.index] and inner is None:
                _come_in(o, view, made, o.trace.ops[parent])
            elif found[op.index] is None and inner is not None:
                _go_out(o, view, made, inner, (o.trace.ops[parent], op))
    return made


def border_boxes(o: Overview, made: Border, reached: Sequence[bool]) -> Iterator[Box]:
    """Yield the boxes at the border."""
    for name, ops in made.ops.items():
        readers = made.readers.get(name)
        address = "" if readers else leaf(o, ops[0]) or ""
        title = f"to {listed(list(readers), most=3)}" if readers else name
        yield Box(
            name=name,
            kind="border output" if readers else "border input",
            ops=tuple(ops),
            module=None,
            address=address,
            frames=(),
            visits=tuple(dict.fromkeys(op.pass_number for op in ops)),
            reached=any(reached[op.index] for op in ops),
            decides=False,
            parameters="",
            lines=(title, *sizes(ops), *([f"@{address}"] if address else [])),
            call="",
        )


def _come_in(o: Overview, view: View, made: Border, op: Op) -> None:
    if op.index not in made.coming_in:
        name = f"from {box_name(o, op, view)}"
        made.coming_in[op.index] = Place(name, None, (), op.pass_number)
        made.ops.setdefault(name, []).append(op)


def _go_out(o: Overview, view: View, made: Border, inner: Place, edge: tuple[Op, Op]) -> None:
    op, reader = edge
    name = f"out of {inner.box}"
    if op.index not in made.going_out:
        made.going_out[op.index] = Place(name, None, (), inner.visit)
        made.ops.setdefault(name, []).append(op)
    made.readers.setdefault(name, {})[box_name(o, reader, view)] = None
