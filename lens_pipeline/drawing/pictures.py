"""DOT text into a file: as it is, or laid out by Graphviz.

Graphviz comes with pygraphviz, whose wheels carry it; where there is no wheel, an installed `dot`
does as well.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import subprocess
import warnings
from typing import TYPE_CHECKING, Any

from lens_pipeline.atomic import replacing, write_text
from lens_pipeline.drawing.centring import centred
from lens_pipeline.errors import TraceError

if TYPE_CHECKING:
    from pathlib import Path

ENDINGS = (".svg", ".pdf", ".png", ".dot")

_log = logging.getLogger(__name__)


def check_ending(path: Path) -> None:
    """Raise TraceError for an ending that no picture has."""
    if path.suffix.lower() not in ENDINGS:
        raise TraceError(
            f"{path} ends in {path.suffix!r}; a picture ends in one of {', '.join(ENDINGS)}."
        )


def write_picture(text: str, path: Path) -> None:
    """Write DOT text as the file that the ending of `path` asks for, whole or not at all.

    .dot needs nothing, the others Graphviz. Raises TraceError without it, after writing the .dot
    beside, and for another ending; StoreError for a file that cannot be written.
    """
    check_ending(path)
    kind = path.suffix.lower()[1:]
    if kind == "dot":
        write_text(path, text)
        return
    try:
        content = _laid_out(text, kind)
    except _NotDrawnError as error:
        beside = path.with_suffix(".dot")
        write_text(beside, text)
        raise TraceError(
            f"{path} was not drawn, {error}; its text was written: {beside}."
        ) from error
    if kind == "svg":
        content = centred(content.decode()).encode()
    with replacing(path) as temporary:
        temporary.write_bytes(content)


class _NotDrawnError(Exception):
    """The reason, as a clause."""


def _laid_out(text: str, kind: str) -> bytes:
    """Return the picture. Raises _NotDrawnError."""
    try:
        import pygraphviz
    except ImportError as error:
        return _by_program(text, kind, error)
    # pygraphviz writes to sys.stderr that a large graph takes long, which it need not
    said = io.StringIO()
    with contextlib.redirect_stderr(said), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            graph: Any = pygraphviz.AGraph(string=text)
            drawn = graph.draw(prog="dot", format=kind)
        except (OSError, ValueError) as error:
            raise _NotDrawnError(f"since Graphviz failed ({error})") from error
    _log.debug("%s", said.getvalue())
    return bytes(drawn)


def _by_program(text: str, kind: str, missing: ImportError) -> bytes:
    program = shutil.which("dot")
    if program is None:
        raise _NotDrawnError(
            'since that needs Graphviz: install it with `pip install "lens-pipeline[draw]"`, or '
            "where pygraphviz has no wheel from graphviz.org/download or your system's packages"
        ) from missing
    done = subprocess.run(  # noqa: S603  the program is Graphviz's, the argument a known format
        [program, f"-T{kind}"], input=text.encode(), capture_output=True, check=False
    )
    if done.returncode:
        said = " ".join(done.stderr.decode(errors="replace").split())
        raise _NotDrawnError(f"since Graphviz failed ({said})")
    return done.stdout
