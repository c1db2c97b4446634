"""A Trace in a notebook: the modules to fold open, the layers in them, nothing that runs."""

from __future__ import annotations

import dataclasses
from html.parser import HTMLParser

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.tracer import notebook

X = torch.ones(2, 5)


class Outline(HTMLParser):
    """An independent reading of the HTML: what is inside which `<details>`, all tags balanced."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.lines: list[tuple[int, str]] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.tags.add(tag)
        if tag in ("summary", "p"):
            self.lines.append((self.open.count("details"), ""))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"summary", "p"} & set(self.open):
            depth, text = self.lines[-1]
            self.lines[-1] = (depth, text + data)


class Nested(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(5, 5), nn.ReLU())

    def forward(self, x):
        return self.body(self.body(x)) + 1


def test_layers_stand_in_their_modules() -> None:
    """Each module is folded around what ran in it; passes and calls are counted once."""
    lines = Outline(trace(Nested(), X)._repr_html_()).lines
    assert [(depth, text.split(" ")[0]) for depth, text in lines] == [
        (1, "Nested"),
        (1, "input_1_0"),
        (2, "body"),
        (2, "linear_1_1"),
        (2, "relu_1_2"),
        (1, "add_1_3"),
        (1, "output_1_4"),
    ]
    texts = dict(text.split(" ", 1) for _, text in lines)
    assert texts["body"] == "Sequential, 2 calls"
    assert texts["linear_1_1"] == ("body.0 Linear, 2 calls (2, 5) float32, 80 B, 2 passes, kept")
    assert texts["Nested"].startswith("7 operations, 5 layers, 30 parameters, ")


def test_no_script_and_no_text_of_the_model_gets_out() -> None:
    """Names of modules and inputs are text, whatever is in them."""
    model = nn.Sequential()
    model.add_module("</details><script>alert(1)</script>&", nn.ReLU())
    html = trace(model, X)._repr_html_()
    assert Outline(html).tags == {"style", "div", "details", "summary", "p", "b", "i"}
    assert "&lt;script&gt;" in html


def test_large_modules_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a module with more than MOST_LINES things the first are shown, and how many are left."""
    monkeypatch.setattr(notebook, "MOST_LINES", 3)
    lines = Outline(trace(nn.Sequential(*(nn.ReLU() for _ in range(9))), X)._repr_html_()).lines
    assert lines[-1] == (1, "and 8 more")
    assert len(lines) == 1 + 3 + 1


def test_an_incomplete_trace_says_so() -> None:
    """What a trace lacks stands above the tree."""
    traced = dataclasses.replace(trace(nn.ReLU(), X), complete=False, gaps=("a < b", "c"))
    assert Outline(traced._repr_html_()).lines[0] == (0, "NOT complete: a < b; c")


def test_the_bundle_has_a_line_for_a_plain_prompt() -> None:
    """A notebook takes the HTML, a prompt the one line that repr gives."""
    traced = trace(nn.ReLU(), X)
    assert traced._repr_mimebundle_() == {
        "text/plain": "<Trace of ReLU: 3 ops, 3 layers>",
        "text/html": traced._repr_html_(),
    }


def test_ipython_shows_it() -> None:
    """The formatter of notebooks takes both texts."""
    formatters = pytest.importorskip("IPython.core.formatters")
    data, _ = formatters.DisplayFormatter().format(trace(nn.ReLU(), X))
    assert data["text/html"].startswith("<style>")
    assert data["text/plain"] == "<Trace of ReLU: 3 ops, 3 layers>"
