"""Progress in bytes, on a terminal and elsewhere."""

import io

from lens_pipeline.pipeline.words.byte_bar import byte_bar


class Terminal(io.StringIO):
    """A terminal to write to."""

    def isatty(self) -> bool:
        return True


def test_lines_come_at_every_tenth() -> None:
    """With what is done and what is left."""
    out = io.StringIO()
    with byte_bar("verifying", 1000, stream=out) as report:
        for _ in range(100):
            report(10)
    lines = out.getvalue().splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("verifying 100 B of 1.0 kB, ")
    assert lines[-1] == "verifying 1.0 kB of 1.0 kB, 0.0 s left"


def test_a_terminal_gets_a_bar() -> None:
    """Named after what is done, full at the end."""
    out = Terminal()
    with byte_bar("repacking", 100, stream=out) as report:
        report(100)
    assert "repacking" in out.getvalue()
    assert "100/100" in out.getvalue()
