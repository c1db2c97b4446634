"""What a person sees while a run goes on: bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lens_pipeline.pipeline.executors.registry import Report

# Plain lines come at most this often (seconds), and at every tenth of the work.
_EVERY = 10.0
_UNITS = ("B", "kB", "MB", "GB", "TB")


def text_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return aligned columns under a header; numbers stand to the right.

    >>> print(text_table(["layer", "passes"], [["V1.output", 1], ["IT.output", 12]]))
    layer      passes
    V1.output       1
    IT.output      12
    """
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*cells, strict=True)]
    right = [
        bool(rows) and all(isinstance(cell, int | float) for cell in column)
        for column in (zip(*rows, strict=True) if rows else [()] * len(header))
    ]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if to_right else cell.ljust(width)
            for cell, width, to_right in zip(row, widths, right, strict=True)
        ).rstrip()
        for row in cells
    )


def size_text(n_bytes: float) -> str:
    """Return a size in decimal units.

    >>> size_text(1_234_567)
    '1.2 MB'
    """
    size = float(n_bytes)
    for unit in _UNITS[:-1]:
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} {_UNITS[-1]}"


def time_text(seconds: float) -> str:
    """Return a duration with its two largest units.

    >>> time_text(3_725)
    '1 h 2 min'
    """
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


@contextmanager
def progress(
    n_stimuli: int, n_bytes: int, *, done: int = 0, stream: TextIO | None = None
) -> Iterator[Report]:
    """Show how far `n_stimuli` are, `done` of which were there before; yields what to report to."""
    out = stream or sys.stderr
    show = _bar if out.isatty() else _lines
    with show(n_stimuli, n_bytes, done=done, out=out) as report:
        yield report


@contextmanager
def _bar(n_stimuli: int, n_bytes: int, *, done: int, out: TextIO) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("extracting"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("stimuli  {task.fields[written]} of {task.fields[total_size]}"),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    start, written = time.monotonic(), [0, 0]
    with Progress(*columns, console=Console(file=out)) as bars:
        fields = {"written": size_text(0), "total_size": size_text(n_bytes), "rate": ""}
        bar = bars.add_task("", total=n_stimuli, completed=done, **fields)  # type: ignore[arg-type]

        def report(stimuli: int, size: int) -> None:
            written[0], written[1] = written[0] + stimuli, written[1] + size
            rate = f"{written[0] / max(1e-9, time.monotonic() - start):.1f}/s"
            completed = min(n_stimuli, done + written[0])
            bars.update(bar, completed=completed, written=size_text(written[1]), rate=rate)

        yield report


@contextmanager
def _lines(n_stimuli: int, n_bytes: int, *, done: int, out: TextIO) -> Iterator[Report]:
    lock = threading.Lock()
    start = time.monotonic()
    state = {"stimuli": 0, "bytes": 0, "tenth": 10 * done // max(1, n_stimuli), "time": start}

    def report(stimuli: int, size: int) -> None:
        with lock:
            state["stimuli"] += stimuli
            state["bytes"] += size
            now, shown = time.monotonic(), min(n_stimuli, done + int(state["stimuli"]))
            tenth = 10 * shown // max(1, n_stimuli)
            if tenth == state["tenth"] and now - state["time"] < _EVERY:
                return
            state.update(tenth=tenth, time=now)
            rate = state["stimuli"] / max(1e-9, now - start)
            left = time_text((n_stimuli - shown) / rate) if rate else "?"
            written = f"{size_text(state['bytes'])} of {size_text(n_bytes)}"
            _write(
                f"extracting {shown}/{n_stimuli} stimuli, {written}, {rate:.1f}/s, {left} left", out
            )

    yield report


@contextmanager
def shares(doing: str, *, stream: TextIO | None = None) -> Iterator[Callable[[str, float], None]]:
    """Show how far named pieces of work are; yields what to call with a name and its share done.

    Nothing is shown of a piece that is done at once.
    """
    out = stream or sys.stderr
    with (_share_bar if out.isatty() else _share_lines)(doing, out) as report:
        yield report


@contextmanager
def _share_bar(doing: str, out: TextIO) -> Iterator[Callable[[str, float], None]]:
    from rich.console import Console
    from rich.progress import Progress, TaskID

    tasks: dict[str, TaskID] = {}
    with Progress(console=Console(file=out)) as bars:

        def report(name: str, share: float) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(f"{doing} {name}", total=1.0)
            bars.update(tasks[name], completed=share)

        yield report


@contextmanager
def _share_lines(doing: str, out: TextIO) -> Iterator[Callable[[str, float], None]]:
    shown = [time.monotonic()]

    def report(name: str, share: float) -> None:
        if time.monotonic() - shown[0] > _EVERY:
            shown[0] = time.monotonic()
            _write(f"{doing} {name}: {share:.0%}", out)

    yield report


def announce(stand_ins: Sequence[str]) -> None:
    """Say in a frame that nobody overlooks what is standing in for the real thing."""
    if not stand_ins:
        return
    rule = "!" * 78
    lines = [rule, *(f"!! STAND-IN: {sentence}" for sentence in stand_ins), rule]
    _write("\n".join(lines), sys.stderr)


def say(text: str) -> None:
    """Write a result for the person who asked for it."""
    _write(text, sys.stdout)


def _write(text: str, out: TextIO) -> None:
    out.write(f"{text}\n")
    out.flush()
