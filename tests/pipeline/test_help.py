"""The help of one command."""

import pytest

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.commands import COMMANDS
from lens_pipeline.pipeline.help import paragraph
from lens_pipeline.pipeline.words import exporting, partitioning, repacking


def test_help_of_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    """Its own lines where they are all there is to know; all of it for words with settings."""
    assert main(["--help"]) == 0
    whole = capsys.readouterr().out
    for command, word in COMMANDS.items():
        assert main([*command.split(), "runs/X", "--help"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(f"  {command} " if word.bare else "lens-pipeline: ")
        assert len(lines) == len(whole.splitlines()) if word.composed else len(lines) <= 5
        assert set(lines[:-1]) <= set(whole.splitlines())
    assert main(["-h", "verify"]) == 0
    assert capsys.readouterr().out.endswith(
        "repair=true makes again what is damaged, and nothing else\n"
        "lens-pipeline --help says the rest.\n"
    )


@pytest.mark.parametrize(
    ("command", "options"),
    [
        ("repack", repacking.OPTIONS),
        ("export", exporting.OPTIONS),
        ("partition", partitioning.OPTIONS),
        ("verify", ("repair",)),
        ("replay", ("tolerance",)),
    ],
)
def test_every_option_of_a_word_is_in_its_help(command: str, options: tuple[str, ...]) -> None:
    """As it is written."""
    assert all(f"{option}=" in paragraph(command) for option in options)
