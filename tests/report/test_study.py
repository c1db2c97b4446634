"""A study's page begins with what was asked and what came out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lens_pipeline.pipeline.sweep.reporting import make_report
from lens_pipeline.report.study import Study, Table, read_study, write_study

if TYPE_CHECKING:
    from pathlib import Path

STUDY = Study(
    question="Is a like <b>?",
    answers=("a is closer than b to it.",),
    how="At layers that other data chose.",
    tables=(Table("Scores", ("network", "it"), (("a", "0.4 [0.3, 0.5]"),)),),
    figures={"scores_spearman": "What a and b score."},
    stand_in="The weights were random.",
)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    """A folder without a study is a mere sweep."""
    assert read_study(tmp_path) is None
    write_study(tmp_path, STUDY)
    assert read_study(tmp_path) == STUDY


@pytest.fixture
def page(run: Path) -> str:
    """The page of a folder of one run, which a study was written into."""
    folder = run.parent
    make_report(run)
    write_study(folder, STUDY)
    figures = folder / "figures"
    figures.mkdir()
    for name in ("scores_spearman", "sweep_spearman"):
        text = (run / "figures" / "scores_spearman.svg").read_text()
        (figures / f"{name}.svg").write_text(text)
    return make_report(folder).read_text(encoding="utf-8")


def test_page_begins_with_the_question_and_its_answer(page: str) -> None:
    """Question, stand-in, answer, table, figure and runs stand in this order, escaped."""
    wanted = (
        *("<h1>Is a like &lt;b&gt;?</h1>", "The weights were random.", "a is closer than b to it."),
        *("At layers that other data chose.", "0.4 [0.3, 0.5]", "What a and b score.", "<h2>Runs"),
    )
    places = [page.index(words) for words in wanted]
    assert places == sorted(places)


def test_page_of_a_study_shows_its_figures_alone(page: str) -> None:
    """The sweep's own figure says the same of single networks, and is left out."""
    assert page.count("data:image/svg+xml") == 1
    assert "sweep_spearman" not in page
    assert "<td>random, seed 3</td>" in page
