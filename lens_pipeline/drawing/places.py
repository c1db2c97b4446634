"""Where each Op is drawn: in which box, inside which frames, or outside of the picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import TraceError, nearest

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lens_pipeline.columns import Overview
    from lens_pipeline.tracer.records import ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True, slots=True)
class View:
    """Which part of a Trace is drawn, and how far modules are opened."""

    # one box per layer; else one per Op
    rolled: bool
    # modules nested this deep below `module` are one box; 0 opens them all
    depth: int
    # address of the one module that is drawn, "" for the whole model
    module: str
    # which call of it; None for all of them
    call: int | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an Op is drawn."""

    # name of the box
    box: str
    # the call of the module that is drawn as one box; None where the Op has a box of its own
    module: ModuleCall | None
    # the calls whose modules are frames around it, outermost first
    frames: tuple[ModuleCall, ...]
    # which visit of its box it belongs to
    visit: int


def view_of(trace: Trace, *, rolled: bool, depth: int, module: str) -> View:
    """Return the View, checked against the Trace.

    `module` is an address, or `address:number` for one of its calls. Raises TraceError for a
    module that was not called and for a depth at which nothing is nested.
    """
    address, call = _module_call(trace, module)
    n_levels = _n_levels(trace, address)
    if isinstance(depth, bool) or not isinstance(depth, int) or not 0 <= depth <= n_levels:
        where = f"module {address}" if address else trace.model_name
        raise TraceError(
            f"There is no depth {depth!r} in {where}, whose modules are nested {n_levels} deep: "
            f"give 0 to open all of them"
            + (f", or 1 to {n_levels} to draw those as boxes." if n_levels else ".")
        )
    return View(rolled, depth, address, call)


def deepest(trace: Trace) -> int:
    """Return how deep modules are nested in the model: 0 for one without submodules."""
    return _n_levels(trace, "")


def places(o: Overview, view: View) -> list[Place | None]:
    """Return for each Op where it is drawn; None for those outside the one module drawn."""
    closed = _worth_closing(o)
    return [_place(o, view, op, closed) for op in o.trace.ops]


def box_name(o: Overview, op: Op, view: View) -> str:
    """Return the name of an Op's own box."""
    return o.trace.layers[op.layer].label if view.rolled else op.label


def call_name(o: Overview, call: ModuleCall, view: View) -> str:
    """Return the address, with the number of the call where calls are told apart."""
    address = call.address or o.trace.model_name
    several = not view.rolled and len(o.calls_of[call.address]) > 1
    return f"{address}:{call.number}" if several else address


def frame_name(o: Overview, calls: Sequence[ModuleCall], view: View) -> str:
    """Return the name of the innermost frame of `calls`, unique also for a shared module."""
    return "/".join(call_name(o, call, view) for call in calls)


def frames_of(o: Overview, place: Place, view: View) -> tuple[str, ...]:
    """Return the names of the frames around a place, outermost first."""
    return tuple(frame_name(o, place.frames[: n + 1], view) for n in range(len(place.frames)))


def shared(frames: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the outer frames that all have in common."""
    alike = (len(set(names)) == 1 for names in zip(*frames, strict=False))
    return frames[0][: sum(itertools.takewhile(bool, alike))]


def _place(o: Overview, view: View, op: Op, closed: set[str]) -> Place | None:
    chain = o.chain(op)
    start = 0
    if view.module:
        start = next((n for n, call in enumerate(chain) if _is_drawn(call, view)), -1)
        if start < 0:
            return None
    at = start + view.depth
    inside = chain[at] if view.depth and len(chain) > at else None
    if inside is not None and inside.address not in closed:
        inside = None
    frames = chain[start if view.module else 1 : at if inside else None]
    if inside is None:
        return Place(box_name(o, op, view), None, frames, op.pass_number)
    return Place(f"module {call_name(o, inside, view)}", inside, frames, inside.number)


def _is_drawn(call: ModuleCall, view: View) -> bool:
    return call.address == view.module and view.call in (None, call.number)


def _worth_closing(o: Overview) -> set[str]:
    """Return the modules in which more happens than one Op, which says more than a closed box."""
    return {
        call.address
        for call in o.trace.module_calls
        if call.index in o.not_leaves or call.last - call.first > 1
    }


def _n_levels(trace: Trace, address: str) -> int:
    """Return how many levels of modules are nested in a module."""
    levels: list[int | None] = []
    for call in trace.module_calls:
        around = None if call.parent is None else levels[call.parent]
        if around is None:
            levels.append(0 if call.address == address else None)
        else:
            levels.append(around + 1)
    return max((level for level in levels if level is not None), default=0)


def _module_call(trace: Trace, module: str) -> tuple[str, int | None]:
    calls: dict[str, set[int]] = {}
    for call in trace.module_calls:
        calls.setdefault(call.address, set()).add(call.number)
    if module in calls or not module:
        return module, None
    address, _, number = module.rpartition(":")
    if address in calls and number.isdigit():
        if int(number) in calls[address]:
            return address, int(number)
        raise TraceError(
            f"Module {address} of {trace.model_name} was called {len(calls[address])} times, so "
            f"there is no call {number} of it to draw; leave the number out to draw them all."
        )
    if module in dict(trace.modules):
        raise TraceError(
            f"Module {module} of {trace.model_name} was not called in this forward pass, so there "
            f"is nothing of it to draw; choose a module that was."
        )
    names = [name for name in calls if name]
    raise TraceError(
        f"There is no module {module!r} in {trace.model_name} to draw; {nearest(module, names)}."
    )
