"""DOT text into a file: as it is, or laid out by Graphviz."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import TraceError

if TYPE_CHECKING:
    from pathlib import Path

_RENDERED = (".svg", ".pdf", ".png")


def write_picture(text: str, path: Path) -> None:
    """Write DOT text as the file that the ending of `path` asks for, whole or not at all.

    .dot needs nothing, the others pygraphviz. Raises TraceError without it, after writing the .dot
    beside, and for another ending.
    """
    if path.suffix == ".dot":
        _replace(path, text.encode())
        return
    if path.suffix not in _RENDERED:
        allowed = ", ".join((".dot", *_RENDERED))
        raise TraceError(f"{path} ends in {path.suffix!r}; a picture ends in one of {allowed}.")
    try:
        import pygraphviz
    except ImportError as error:
        beside = path.with_suffix(".dot")
        _replace(beside, text.encode())
        raise TraceError(
            f"Drawing {path} needs pygraphviz; install it with `pip install "
            f'"lens-pipeline[draw]"`, or use {beside}, which was written.'
        ) from error
    graph: Any = pygraphviz.AGraph(string=text)
    _replace(path, graph.draw(prog="dot", format=path.suffix[1:]))


def _replace(path: Path, content: bytes) -> None:
    """Write a file beside and rename it, so that it is whole or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
