"""The place in the source that a call came from, numbered.

A site is the chain of (module instance, code object, instruction offset) from the model's forward
to the call. It tells the body of a loop (one site, visited again) from the same module called on
another line (another site). Frames of the machinery that merely carries a call are left out;
torch's other Python code is kept, since several operations of one torch function are several
places.
"""

from __future__ import annotations

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
        self._numbers: dict[tuple[Any, ...], int] = {}
        self._sites: list[Site] = []
        # Whether a code object is kept in chains, by its id; code objects hash slowly.
        self._kept: dict[int, bool] = {}
        # Keeps the code objects alive whose ids are in use.
        self._codes: dict[int, CodeType] = {}

    def number(
        self, frame: FrameType | None, *, until: FrameType | None, parent: int | None, module: str
    ) -> int:
        """Return the number of the place where `frame` stands inside a module call.

        `until` is the frame that runs the module's forward; `parent` is the site of that module
        call and `module` its address.
        """
        chain: list[int] = []
        while frame is not None and frame is not until:
            code = frame.f_code
            kept = self._kept.get(id(code))
            if kept is None:
                kept = self._learn(code)
            if kept:
                chain += (id(code), frame.f_lasti)
            frame = frame.f_back
        key = (parent, module, *chain)
        known = self._numbers.get(key)
        return self._add(key) if known is None else known

    def all(self) -> tuple[Site, ...]:
        """Return the sites in the order of their numbers."""
        return tuple(self._sites)

    def _learn(self, code: CodeType) -> bool:
        self._codes[id(code)] = code
        kept = self._kept[id(code)] = not code.co_filename.startswith(_MACHINERY)
        return kept

    def _add(self, key: tuple[Any, ...]) -> int:
        parent, module, *chain = key
        frames = tuple(
            (self._codes[code], offset)
            for code, offset in zip(chain[::2], chain[1::2], strict=True)
        )
        self._sites.append(Site(parent, module, frames))
        self._numbers[key] = len(self._sites) - 1
        return len(self._sites) - 1
