"""How a page looks when it is opened."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.columns import Overview
from lens_pipeline.drawing.page.start import Start, start_values
from lens_pipeline.errors import TraceError
from tests.drawing.page_models import Deep
from tests.drawing.test_page_browser import browser, labels, modules, opened  # noqa: F401
from tests.drawing.test_page_results import ran


@pytest.fixture(scope="module")
def deep():
    return trace(Deep().eval(), torch.rand(2, 3, 4, 4), keep=None)


def test_a_column_brings_its_numbers(deep) -> None:
    """Of every operation, with the unit and whether they add up."""
    found = start_values(Overview(deep), Start(color="flops"), scored=False)
    assert (found["color"], found["unit"], found["added"]) == ("flops", "FLOP", True)
    assert found["numbers"][deep["head"].index] == 2 * 2 * 4 * 2
    found = start_values(Overview(deep), Start(color="pass"), scored=False)
    assert found["added"] is False


@pytest.mark.parametrize(
    ("start", "message"),
    [
        (Start(color="flop"), "There is no column 'flop' to colour by; nearest: flops"),
        (Start(color="score"), "no scores to colour by without the run"),
        (Start(depth=7), "There is no depth 7 in Deep, whose modules are nested 3 deep"),
    ],
)
def test_refuses_what_is_not_there(deep, start: Start, message: str) -> None:
    """With the words of the static picture."""
    with pytest.raises(TraceError, match=message):
        start_values(Overview(deep), start, scored=False)


def test_depth_says_what_is_open(opened, deep) -> None:  # noqa: F811
    """Modules nested less deep are open, 0 opens all; the pages differ in nothing else."""
    assert modules(opened(deep), opened=True) == []
    assert modules(opened(deep, start=Start(depth=2)), opened=True) == ["stem", "body"]
    assert "body.0" in modules(opened(deep, start=Start(depth=2)), opened=False)
    assert "tanh_1_5" in labels(opened(deep, start=Start(depth=0)))


def test_every_pass_and_a_colour(opened, deep) -> None:  # noqa: F811
    """The boxes and the menus say so."""
    tab = opened(deep, start=Start(rolled=False, color="pass"))
    assert tab.is_checked("#unrolled")
    assert tab.input_value("#colour") == "pass"
    assert tab.locator(".box.heat").count() > 0
    assert "pass from white to orange: 1 to 3" in tab.text_content("#legend")


def test_the_scores_of_a_reference(opened, deep) -> None:  # noqa: F811
    """One choice for each; the one asked for is what is seen first."""
    run = ran()
    run.scores.loc[1, ["reference", "score"]] = ["IT", 0.75]
    tab = opened(deep, run=run, start=Start(color="score", reference="IT"))
    assert tab.input_value("#colour") == "spearman with IT"
    assert "0.75 to 0.75" in tab.text_content("#legend")
    assert "spearman with V1" in tab.text_content("#colour")
