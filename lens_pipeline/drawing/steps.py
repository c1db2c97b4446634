"""The edges of a picture: what each Op read, gathered by the boxes it leads from and to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.drawing.arguments import ordered_arguments
from lens_pipeline.drawing.branches import Branches, marks
from lens_pipeline.drawing.buffers import direct_reads
from lens_pipeline.drawing.picture import Edge
from lens_pipeline.drawing.wording import ranges

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.drawing.border import Border
    from lens_pipeline.drawing.picture import Box, EdgeKind
    from lens_pipeline.drawing.places import Place
    from lens_pipeline.tracer.records import Op


@dataclass(frozen=True, slots=True)
class Layout:
    """Where everything is drawn."""

    # by the index of the Op; None outside of what is drawn
    ops: Sequence[Place | None]
    border: Border
    # by address
    buffers: Mapping[str, Place]
    branches: Branches
    # for each Op whether an input of the model leads to it
    reached: Sequence[bool]


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that one Op had from another or from a buffer."""

    tail: Place
    head: Place
    kind: EdgeKind
    arguments: Sequence[str] = ()
    branch: Sequence[str] = ()
    reached: bool = True


def edges(found: Iterable[Step], boxes: Mapping[str, Box], *, rolled: bool) -> Iterator[Edge]:
    """Yield one edge for all that leads from one box to another."""
    gathered: dict[tuple[str, str, EdgeKind], list[Step]] = {}
    for step in found:
        closed = step.tail.module is not None and step.tail.box == step.head.box
        if closed and step.tail.visit == step.head.visit:
            continue
        gathered.setdefault((step.tail.box, step.head.box, step.kind), []).append(step)
    for (tail, head, kind), together in gathered.items():
        pairs = {(step.tail.visit, step.head.visit) for step in together}
        one, other = boxes[tail], boxes[head]
        both = len(one.visits) > 1 and len(other.visits) > 1
        yield Edge(
            tail=tail,
            head=head,
            kind=kind,
            passes=_passes(one, other, pairs) if rolled and kind != "write" else "",
            back=_leads_back(one, other),
            loop=rolled and both and any(a < b for a, b in pairs),
            arguments=_words(step.arguments for step in together),
            branch=_words(step.branch for step in together),
            reached=any(step.reached for step in together),
        )


def steps(o: Overview, layout: Layout) -> Iterator[Step]:
    """Yield what leads from Op to Op, from and to buffers, and across the border."""
    for op in o.trace.ops:
        place = layout.ops[op.index]
        if place is None:
            yield from _steps_out(layout, op)
        else:
            yield from _steps_in(o, layout, op, place)


def _steps_in(o: Overview, layout: Layout, op: Op, place: Place) -> Iterator[Step]:
    named = {} if place.module else ordered_arguments(o, op, layout.buffers)
    for parent in op.parents:
        yield Step(
            tail=layout.ops[parent] or layout.border.coming_in[parent],
            head=place,
            kind="data",
            arguments=named.get(parent, ()),
            branch=marks(layout.branches, parent, op.index),
            reached=layout.reached[parent],
        )
    for address in direct_reads(op):
        if address in layout.buffers:
            yield Step(layout.buffers[address], place, "data", named.get(address, ()))
    for address in o.buffer_writes[op.index]:
        if address in layout.buffers:
            yield Step(place, layout.buffers[address], "write")
    yield from _numbers(o, layout, op, place)


def _numbers(o: Overview, layout: Layout, op: Op, place: Place) -> Iterator[Step]:
    """Yield what came back from Python as a number."""
    for read in (o.trace.host_reads[index] for index in op.host_reads):
        for source in read.ops:
            tail = layout.ops[source]
            if tail is not None and source not in op.parents:
                reached = layout.reached[source]
                yield Step(tail, place, "number", (read.name,), reached=reached)


def _steps_out(layout: Layout, op: Op) -> Iterator[Step]:
    for parent in op.parents:
        tail, head = layout.ops[parent], layout.border.going_out.get(parent)
        if tail is not None and head is not None:
            yield Step(tail, head, "data", reached=layout.reached[parent])


def _leads_back(one: Box, other: Box) -> bool:
    """Say whether the head was there first; buffers and what is at the border have no time."""
    timed = {one.kind, other.kind} <= {"input", "output", "operation", "module"}
    return timed and other.ops[0].index <= one.ops[0].index


def _passes(one: Box, other: Box, pairs: set[tuple[int, int]]) -> str:
    """Say which pass leads to which, where it is not each to its own."""
    n_tails, n_heads = len(one.visits), len(other.visits)
    each_its_own = {(k, k) for k in one.visits}
    if max(n_tails, n_heads) == 1 or (one.visits == other.visits and pairs == each_its_own):
        return ""
    out, into = ranges(a for a, _ in pairs), ranges(b for _, b in pairs)
    if n_tails == 1:
        return f"→ {_counted(into)}"
    if n_heads == 1:
        return f"{_counted(out)} →"
    return _counted(out) if all(a == b for a, b in pairs) else f"{_counted(out)} → {into}"


def _counted(numbers: str) -> str:
    return f"pass {numbers}" if numbers.isdigit() else f"passes {numbers}"


def _words(found: Iterable[Sequence[str]]) -> str:
    return ", ".join(dict.fromkeys(word for words in found for word in words))
