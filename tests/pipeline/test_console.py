"""Progress on and off a terminal, sizes, durations, tables, and the stand-in frame."""

import io

import pytest

from lens_pipeline.pipeline.console import (
    announce,
    progress,
    size_text,
    text_table,
    time_text,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_lines_come_at_tenths_only() -> None:
    """A log of a long run stays short and its last line says all is done."""
    out = io.StringIO()
    with progress(1000, 8000, stream=out) as report:
        for _ in range(1000):
            report(1, 8)
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[-1].startswith("extracting 1000/1000 stimuli, 8.0 kB of 8.0 kB, ")
    assert lines[-1].endswith(" left")


def test_what_was_done_before_counts() -> None:
    """A resumed run starts where it stopped."""
    out = io.StringIO()
    with progress(100, 8, done=90, stream=out) as report:
        report(10, 8)
    assert out.getvalue().startswith("extracting 100/100 stimuli")


def test_a_task_done_twice_does_not_pass_the_end() -> None:
    """A worker that died had reported stimuli that are then done again."""
    out = io.StringIO()
    with progress(10, 8, stream=out) as report:
        report(10, 8)
        report(10, 8)
    assert "20/10" not in out.getvalue()


def test_a_terminal_gets_a_bar() -> None:
    """Stimuli, bytes and rate are in it."""
    out = Terminal()
    with progress(10, 80_000, stream=out) as report:
        report(10, 80_000)
    assert "10/10" in out.getvalue()
    assert "80.0 kB of 80.0 kB" in out.getvalue()


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2.5e9, "2.5 GB"), (3e15, "3000.0 TB")],
)
def test_sizes(size: float, text: str) -> None:
    """Decimal units, as disks are sold."""
    assert size_text(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (9.94, "9.9 s"), (59.2, "59 s"), (60, "1 min 0 s"), (7260, "2 h 1 min")],
)
def test_durations(seconds: float, text: str) -> None:
    """The two largest units."""
    assert time_text(seconds) == text


def test_a_table_without_rows_is_its_header() -> None:
    """Nothing to list is no error."""
    assert text_table(["a", "b"], []) == "a  b"


def test_numbers_stand_to_the_right() -> None:
    """A column is a column of numbers if every cell is one."""
    assert text_table(["n", "x"], [[1, "a"], [100, 2]]) == "  n  x\n  1  a\n100  2"


def test_a_stand_in_cannot_be_overlooked(capsys: pytest.CaptureFixture[str]) -> None:
    """It is framed, on stderr, so that piping the result away does not hide it."""
    announce(["Random weights stand in."])
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "!! STAND-IN: Random weights stand in." in captured.err
    assert captured.err.count("!" * 78) == 2
    announce([])
    assert capsys.readouterr().err == ""
