"""Where an operation was called from, as the lines of source that a reader would look up."""

from __future__ import annotations

import linecache
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.columns.source import own_places

if TYPE_CHECKING:
    from lens_pipeline.columns.source import Place

# lines of source shown before and after the line of the call
CONTEXT_LINES = 3


@dataclass(frozen=True, repr=False)
class FuncCallLocation:
    """One function that was running, and the line at which it stood."""

    # file of the source, as Python names it
    file: str
    # line of the call, from 1
    line_number: int
    # name of the function with that of its class
    code_qualname: str

    @property
    def func_name(self) -> str:
        """The name of the function alone."""
        return self.code_qualname.rpartition(".")[2]

    @property
    def code_context(self) -> tuple[str, ...]:
        """The line of the call and three on each side; empty where the source is not there."""
        return tuple(text for _, text in _lines(self))

    @property
    def call_line(self) -> str:
        """The line of the call; "" where the source is not there."""
        return linecache.getline(self.file, self.line_number).strip()

    def __repr__(self) -> str:
        code = (
            f"    {'--->' if number == self.line_number else '    '}  {text}".rstrip()
            for number, text in _lines(self)
        )
        head = ("FuncCallLocation:", f"  file: {self.file}", f"  line: {self.line_number}")
        return "\n".join((*head, f"  function: {self.func_name}", "  code:", *code))


def locations(stack: tuple[Place, ...]) -> tuple[FuncCallLocation, ...]:
    """Return the functions of a stack, innermost first.

    Functions of torch itself are left out, unless there are no others, as in a Sequential.
    """
    return tuple(FuncCallLocation(at.file, at.line, at.function) for at in own_places(stack))


def _lines(location: FuncCallLocation) -> list[tuple[int, str]]:
    """Return the numbered lines around the call, without their common indent."""
    source = linecache.getlines(location.file)
    first = max(location.line_number - CONTEXT_LINES, 1)
    shown = source[first - 1 : location.line_number + CONTEXT_LINES]
    indent = min((len(text) - len(text.lstrip()) for text in shown if text.strip()), default=0)
    return [(number, text[indent:].rstrip()) for number, text in enumerate(shown, start=first)]
