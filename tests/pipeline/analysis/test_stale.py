"""Old results go when a new analysis ends well, and only those that are known."""

from pathlib import Path

import pytest

from lens_pipeline.atomic import write_text
from lens_pipeline.pipeline.analysis.stale import earlier_results_removed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What an analysis made, and a table of the user's."""
    for name in ("scores.csv", "encoding.csv", "figures/rdms.svg", "mine.csv", "activations.nc"):
        write_text(tmp_path / name, "old")
    return tmp_path


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob("*") if path.is_file()}


def test_what_is_not_written_again_is_removed(folder: Path) -> None:
    """A result written anew stays, also with the same content."""
    with earlier_results_removed(folder):
        write_text(folder / "scores.csv", "old")
    assert _names(folder) == {"scores.csv", "mine.csv", "activations.nc"}
    assert not (folder / "figures").exists()


def test_an_analysis_that_fails_leaves_everything(folder: Path) -> None:
    """The record says that it failed."""
    before = _names(folder)
    with pytest.raises(ZeroDivisionError), earlier_results_removed(folder):
        raise ZeroDivisionError
    assert _names(folder) == before
