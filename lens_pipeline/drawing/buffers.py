"""Buffers of the model as boxes of their own, and which of them are worth one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.drawing.picture import Box
from lens_pipeline.drawing.places import Place, frames_of, shared
from lens_pipeline.errors import TraceError, nearest
from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import StateRef

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.drawing.places import View
    from lens_pipeline.tracer.records import Op

# what can be drawn
CHOICES = ("auto", "all", "none")

# What normalisations keep; drawn everywhere, it would hide the network.
_STATISTICS = frozenset({"running_mean", "running_var", "num_batches_tracked"})


def check_buffers(which: str) -> None:
    """Raise TraceError for a choice of buffers that there is not."""
    if which not in CHOICES:
        raise TraceError(f"buffers={which!r} cannot be drawn; {nearest(str(which), CHOICES)}.")


def buffer_places(o: Overview, found: Sequence[Place | None], which: str) -> dict[str, Place]:
    """Return where each buffer that is drawn stands, by its address.

    "auto" leaves out the running statistics of normalisations, "none" all. A buffer that only a
    closed box uses is part of it.
    """
    drawn: dict[str, Place] = {}
    for address, ops in _users(o, found).items():
        statistics = address.rpartition(".")[2] in _STATISTICS
        if which == "none" or (which == "auto" and statistics) or _within_one_box(ops, found):
            continue
        drawn[address] = Place(f"buffer {address}", None, (), 1)
    return drawn


def buffer_boxes(
    o: Overview, view: View, found: Sequence[Place | None], drawn: Mapping[str, Place]
) -> Iterator[Box]:
    """Yield the box of each buffer, in the frames that all who use it have in common."""
    users = _users(o, found)
    for address, place in drawn.items():
        ops = users[address]
        around = [frames_of(o, at, view) for op in ops if (at := found[op.index])]
        written = any(address in o.buffer_writes[op.index] for op in ops)
        yield Box(
            name=place.box,
            kind="buffer",
            ops=tuple(ops),
            module=None,
            address=address,
            frames=shared(around),
            visits=(1,),
            reached=True,
            decides=False,
            parameters="",
            lines=(address, "buffer, written" if written else "buffer"),
            call="",
        )


def direct_reads(op: Op) -> list[str]:
    """Return the buffers that an Op read as they were before anything wrote to them."""
    names = (ref.address for ref in references((op.args, op.kwargs)) if isinstance(ref, StateRef))
    return list(dict.fromkeys(name for name in names if name in op.buffers))


def _users(o: Overview, found: Sequence[Place | None]) -> dict[str, list[Op]]:
    users: dict[str, list[Op]] = {}
    for op in o.trace.ops:
        if found[op.index] is not None:
            for address in dict.fromkeys((*direct_reads(op), *o.buffer_writes[op.index])):
                users.setdefault(address, []).append(op)
    return users


def _within_one_box(ops: Sequence[Op], found: Sequence[Place | None]) -> bool:
    places = [found[op.index] for op in ops]
    return len({place.box for place in places if place}) == 1 and bool(
        places[0] and places[0].module
    )
