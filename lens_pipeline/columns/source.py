"""Where in the source an Op was called, and the code around it, read when it is asked for."""

from __future__ import annotations

import linecache
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from types import CodeType

    from lens_pipeline.tracer.trace import Trace

_TORCH = str(Path(torch.__file__).parent) + os.sep

# line, last line and column of an instruction
_Position = tuple[int | None, int | None, int | None]


@dataclass(frozen=True, slots=True)
class Place:
    """One stretch of source: one frame of the stack from an Op to the model's forward."""

    file: str
    # from 1
    line: int
    last_line: int
    # of the first character, from 1; None where Python keeps none
    column: int | None
    # qualified name of the function or method
    function: str


def call_stacks(trace: Trace) -> list[tuple[Place, ...]]:
    """Return for each site the places from the Op's call out to the model's forward."""
    positions: dict[int, list[_Position]] = {}
    stacks: list[tuple[Place, ...]] = []
    for site in trace.sites:
        if site.parent is None:  # whoever called the model
            stacks.append(())
            continue
        own = tuple(_place(code, offset, positions) for code, offset in site.frames)
        stacks.append(own + stacks[site.parent])
    return stacks


def own_places(stack: tuple[Place, ...]) -> tuple[Place, ...]:
    """Return the places outside torch, or all where there are no others, as in a Sequential."""
    return tuple(place for place in stack if not place.file.startswith(_TORCH)) or stack


def place_of(stack: tuple[Place, ...]) -> Place | None:
    """Return the innermost place outside torch, or else the innermost."""
    return next(iter(own_places(stack)), None)


def forwards(trace: Trace) -> dict[str, CodeType]:
    """Return the code of each module's forward, where an Op or a call of a module shows it."""
    found: dict[str, CodeType] = {}
    places = [(op.module_call, op.site) for op in trace.ops]
    for inside, site in (*places, *((call.parent, call.site) for call in trace.module_calls)):
        if inside is not None and trace.sites[site].frames:
            code = trace.sites[site].frames[-1][0]
            found.setdefault(trace.module_calls[inside].address, code)
    return found


def code_at(place: Place, *, around: int) -> str:
    """Return the source lines of a place and `around` lines on each side; "" if there are none."""
    lines = linecache.getlines(place.file)
    return "".join(lines[max(place.line - 1 - around, 0) : place.last_line + around]).rstrip()


def _place(code: CodeType, offset: int, positions: dict[int, list[_Position]]) -> Place:
    known = positions.get(id(code))
    if known is None:
        known = [(line, last, column) for line, last, column, _ in code.co_positions()]
        positions[id(code)] = known
    line, last, column = known[offset // 2]
    line = code.co_firstlineno if line is None else line
    return Place(
        file=code.co_filename,
        line=line,
        last_line=max(line, last or line),
        column=None if column is None else column + 1,
        function=code.co_qualname,
    )
