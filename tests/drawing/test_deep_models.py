"""Models whose modules are nested deeper than Python's calls may be are shown all the same."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline import draw, summary, trace

if TYPE_CHECKING:
    from pathlib import Path

DEPTH = 300


@pytest.fixture(scope="module")
def nested():
    """A Trace of modules in modules, DEPTH deep."""
    limit = sys.getrecursionlimit()
    model = nn.Sequential(nn.Linear(2, 2), nn.ReLU())
    for _ in range(DEPTH):
        model = nn.Sequential(model, nn.Tanh())
    sys.setrecursionlimit(20_000)
    try:
        return trace(model, torch.ones(1, 2), keep=None)
    finally:
        sys.setrecursionlimit(limit)


@pytest.fixture
def shallow():
    """Fewer calls allowed inside one another than there are modules."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 200)
    yield
    sys.setrecursionlimit(limit)


@pytest.mark.usefixtures("shallow")
def test_a_notebook_shows_it(nested) -> None:
    """One fold inside the other."""
    shown = nested._repr_html_()
    assert shown.count("<details") == DEPTH + 1
    assert shown.count("</details>") == DEPTH + 1


@pytest.mark.usefixtures("shallow")
def test_it_is_summarised_and_drawn(nested) -> None:
    """All the way down."""
    assert summary(nested, depth=0, width=200).count("Tanh") == DEPTH
    text = draw(nested)
    assert text.count("subgraph") == DEPTH + 1
    assert text.count("{") == text.count("}")


def test_graphviz_reads_the_names_of_its_frames(nested, tmp_path: Path) -> None:
    """Which would be longer than a name may be if they were written out."""
    pytest.importorskip("pygraphviz")
    draw(nested, tmp_path / "deep.svg")
    assert (tmp_path / "deep.svg").read_text().count('class="cluster"') == DEPTH
