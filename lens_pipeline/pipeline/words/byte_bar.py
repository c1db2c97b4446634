"""How far work on a known number of bytes is: a bar on a terminal, a line per tenth elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from lens_pipeline.pipeline.console import size_text, time_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def byte_bar(doing: str, n_bytes: int, *, stream: TextIO | None = None) -> Iterator[Progress]:
    """Show how far `doing` is; yields what to tell the bytes that were done since the last call."""
    out = stream or sys.stderr
    show = _bar if out.isatty() else _lines
    with show(doing, max(1, n_bytes), out) as report:
        yield report


if TYPE_CHECKING:
    Progress = Callable[[int], None]


@contextmanager
def _bar(doing: str, n_bytes: int, out: TextIO) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(doing), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=out)) as bars:
        bar = bars.add_task("", total=n_bytes)
        yield lambda done: bars.update(bar, advance=done)


@contextmanager
def _lines(doing: str, n_bytes: int, out: TextIO) -> Iterator[Progress]:
    start, state = time.monotonic(), {"done": 0, "tenth": 0}

    def report(done: int) -> None:
        state["done"] += done
        tenth = 10 * state["done"] // n_bytes
        if tenth == state["tenth"]:
            return
        state["tenth"] = tenth
        left = (time.monotonic() - start) * max(0, n_bytes - state["done"]) / state["done"]
        sizes = f"{size_text(state['done'])} of {size_text(n_bytes)}"
        out.write(f"{doing} {sizes}, {time_text(left)} left\n")
        out.flush()

    yield report
