"""The boxes of a picture: Ops gathered by where they are drawn, with what is said of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.columns.ops import call_text, leaf
from lens_pipeline.drawing.picture import Box, Frame
from lens_pipeline.drawing.places import call_name, frame_name, frames_of, shared
from lens_pipeline.drawing.wording import frame_title, module_lines, op_lines, times, used

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.drawing.picture import BoxKind, Trainable
    from lens_pipeline.drawing.places import Place, View
    from lens_pipeline.drawing.steps import Layout
    from lens_pipeline.tracer.records import ModuleCall, Op

_LONGEST_CALL = 300


def boxes(o: Overview, view: View, layout: Layout) -> Iterator[Box]:
    """Yield the boxes of Ops and of closed modules, in order of their first Ops."""
    together: dict[str, list[Op]] = {}
    for op, place in zip(o.trace.ops, layout.ops, strict=True):
        if place is not None:
            together.setdefault(place.box, []).append(op)
    for ops in together.values():
        places = [place for place in (layout.ops[op.index] for op in ops) if place]
        yield _box(o, view, layout, (ops, places))


def frames(o: Overview, view: View, layout: Layout, drawn: Sequence[Box]) -> dict[str, Frame]:
    """Return the frames that stand around the boxes, outer before inner.

    A module is no frame where it would hold nothing but the one box that bears its address.
    """
    inside: dict[str, list[Box]] = {}
    for box in drawn:
        for name in box.frames:
            inside.setdefault(name, []).append(box)
    found: dict[str, Frame] = {}
    for name, calls in _calls(o, view, layout.ops).items():
        held = inside.get(name, [])
        if all(box.frames[-1] == name and _bears(box, calls[0]) for box in held):
            continue
        outer = [found[one] for one in held[0].frames[: held[0].frames.index(name)] if one in found]
        found[name] = Frame(
            name=name,
            call=calls[0],
            title=frame_title(o, view, calls, around=outer[-1].call.address if outer else ""),
            level=len(outer),
            reached=any(box.reached for box in held if box.kind != "buffer"),
        )
    return found


def _calls(
    o: Overview, view: View, found: Sequence[Place | None]
) -> dict[str, tuple[ModuleCall, ...]]:
    """Return the calls that each frame stands for."""
    calls: dict[str, dict[int, ModuleCall]] = {}
    seen: set[tuple[ModuleCall, ...]] = set()
    for place in found:
        if place is None or place.frames in seen:
            continue
        seen.add(place.frames)
        for n, call in enumerate(place.frames):
            name = frame_name(o, place.frames[: n + 1], view)
            calls.setdefault(name, {})[call.index] = call
    return {name: tuple(each.values()) for name, each in calls.items()}


def _bears(box: Box, call: ModuleCall) -> bool:
    return box.kind != "buffer" and box.address == call.address


def _box(
    o: Overview, view: View, layout: Layout, gathered: tuple[Sequence[Op], Sequence[Place]]
) -> Box:
    ops, found = gathered
    calls = _distinct(place.module for place in found if place.module)
    visits = tuple(dict.fromkeys(place.visit for place in found))
    address = calls[0].address if calls else leaf(o, ops[0]) or ""
    tests = [text for op in ops for text in layout.branches.tests.get(op.index, ())]
    if calls:
        title, lines = call_name(o, calls[0], view), module_lines(o, ops, calls)
    else:
        named = _with_call(o, view, ops[0], address)
        title, lines = found[0].box, op_lines(o, ops, named, dict.fromkeys(tests))
    return Box(
        name=found[0].box,
        kind=_kind(ops[0], closed=bool(calls)),
        ops=tuple(ops),
        module=calls[0] if calls else None,
        address=address,
        frames=shared([frames_of(o, place, view) for place in found]),
        visits=visits,
        reached=any(layout.reached[op.index] for op in ops),
        decides=not calls and any(op.index in layout.branches.tests for op in ops),
        parameters=_trainable(o, ops),
        lines=(title + times(visits), *lines),
        call="" if calls or ops[0].kind != "call" else call_text(o, ops[0])[:_LONGEST_CALL],
    )


def _kind(op: Op, *, closed: bool) -> BoxKind:
    if closed:
        return "module"
    return "operation" if op.kind == "call" else "input" if op.kind == "input" else "output"


def _with_call(o: Overview, view: View, op: Op, address: str) -> str:
    """Return the address of a module, with the number of its call where one is drawn."""
    exits = (call for call in o.exits.get(op.index, ()) if call.address == address)
    call = next(exits, None)
    return call_name(o, call, view) if address and call else ""


def _trainable(o: Overview, ops: Sequence[Op]) -> Trainable:
    kinds = {one.trainable for one in used(o, ops)}
    if len(kinds) == 2:
        return "mixed"
    return ("trainable" if True in kinds else "frozen") if kinds else ""


def _distinct(calls: Iterable[ModuleCall]) -> list[ModuleCall]:
    return list({call.index: call for call in calls}.values())
