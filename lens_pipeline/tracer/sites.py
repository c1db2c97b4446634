"""The place in the source that a call came from, numbered.

A site is the chain of (module instance, code object, instruction) from the model's forward to the
call. It tells the body of a loop (one site, visited again) from the same module called on another
line (another site). Instructions that Python compiled from the same stretch of source are one: the
test of a `while` loop is compiled twice, once for the first round. Frames of the machinery that
merely carries a call are left out; torch's other Python code is kept, since several operations of
one torch function are several places.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.records import Site

if TYPE_CHECKING:
    from types import CodeType, FrameType

_TORCH = Path(torch.__file__).parent
_MACHINERY = (
    str(Path(__file__).parent) + os.sep,
    str(_TORCH / "nn" / "modules" / "module.py"),
    str(_TORCH / "overrides.py"),
    str(_TORCH / "utils" / "_contextlib.py"),
    str(_TORCH / "_jit_internal.py"),
)


class Sites:
    """Numbers places in the order of their first visit."""

    def __init__(self) -> None:
        # the outermost frame of an autograd.Function's forward on the last chain; None without
        self.function_frame: FrameType | None = None
        # ids of code objects that may be the forward of an autograd.Function
        self._forwards: set[int] = set()
        # by (site of the module call, address, code, offset, code, offset ...), innermost first
        self._numbers: dict[tuple[Any, ...], int] = {}
        # By the id of a code object, which hashes slowly itself: for each instruction the offset
        # of the first one from the same stretch of source; None for the machinery.
        self._places: dict[int, list[int] | None] = {}
        # Keeps the code objects alive whose ids are in use.
        self._codes: dict[int, CodeType] = {}

    def number(
        self, frame: FrameType | None, until: FrameType | None, *, parent: int | None, module: str
    ) -> int:
        """Return the number of the place where `frame` stands inside a module call.

        `until` is the frame that runs the module's forward; `parent` is the site of that module
        call and `module` its address.
        """
        chain: list[Any] = [parent, module]
        self.function_frame = None
        known = self._places
        while frame is not None and frame is not until:
            code = id(frame.f_code)
            places = known[code] if code in known else self._learn(frame.f_code)
            if places:
                chain += (code, places[frame.f_lasti >> 1])
                if code in self._forwards and function_of(frame):
                    self.function_frame = frame
            frame = frame.f_back
        return self._numbers.setdefault(tuple(chain), len(self._numbers))

    def all(self) -> tuple[Site, ...]:
        """Return the sites in the order of their numbers."""
        code = self._codes.__getitem__
        return tuple(
            [
                Site(key[0], key[1], tuple(zip(map(code, key[2::2]), key[3::2], strict=True)))
                for key in self._numbers
            ]
        )

    def _learn(self, code: CodeType) -> list[int] | None:
        self._codes[id(code)] = code
        machinery = code.co_filename.startswith(_MACHINERY)
        if code.co_name == "forward" and code.co_varnames[:1] not in ((), ("self",)):
            self._forwards.add(id(code))
        places = self._places[id(code)] = None if machinery else _places(code)
        return places


def function_of(frame: FrameType) -> type | None:
    """Return the autograd.Function whose forward a frame runs, told by the context it holds."""
    names = frame.f_code.co_varnames[:1]
    context = frame.f_locals.get(names[0]) if names else None
    if not isinstance(context, torch.autograd.function.FunctionCtx):
        return None
    return getattr(type(context), "_forward_cls", type(context))


@functools.lru_cache(maxsize=4096)
def _places(code: CodeType) -> list[int]:
    """Return for each instruction the offset of the first one from the same stretch of source."""
    first: dict[tuple[int | None, ...], int] = {}
    return [
        2 * number if None in position else first.setdefault(position, 2 * number)
        for number, position in enumerate(code.co_positions())
    ]
