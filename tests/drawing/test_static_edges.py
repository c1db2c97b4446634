"""Edges: arguments by name where order matters, buffers, numbers, long edges."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from lens_pipeline import draw, trace
from lens_pipeline.drawing import dot, long_edges
from lens_pipeline.errors import TraceError
from tests import zoo, zoo_values
from tests.drawing.drawings import IMAGE, Numbers, X, drawn
from tests.drawing.test_static import box, edge


class Calls(nn.Module):
    """One function of two tensors."""

    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x.sin(), x.cos())


def head_labels(function) -> list[str]:
    """What is written at the heads of the edges from sin and from cos."""
    text = draw(trace(Calls(function), torch.rand(3, 3)))
    edges = re.findall(r'^ *"(\w+?)_\d.*?" -> "[^"]*"(?: \[label=" (.*?) "\])?', text, re.MULTILINE)
    return [dict(edges)[name] for name in ("sin", "cos")]


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (torch.sub, ["self", "other"]),
        (lambda a, b: b - a, ["other", "self"]),
        (torch.div, ["self", "other"]),
        (torch.matmul, ["self", "other"]),
        (lambda a, b: torch.cat([b, a]), ["[1]", "[0]"]),
        (lambda a, b: torch.where(a > b, 0, 1), ["self", "other"]),
        (lambda a, b: torch.where(b > 0, a, 0), ["self", ""]),
        (nn.functional.linear, ["input", "weight"]),
        (torch.add, ["", ""]),
        (lambda a, b: torch.add(a, b, alpha=2), ["self", "other"]),
        (lambda a, b: a * b, ["", ""]),
        (torch.maximum, ["", ""]),
    ],
)
def test_arguments_are_named_where_order_matters(function, expected: list[str]) -> None:
    """Names of ordered arguments stand at the heads; what can be exchanged has none."""
    assert head_labels(function) == expected


def test_a_write_and_the_ends_of_a_slice_are_named() -> None:
    """Who wrote into an argument leads to it as that argument; a slice has a start and a stop."""

    def written(a, b):
        a[:1].mul_(2)
        return a - b

    text = draw(trace(Calls(written), torch.rand(3, 3)))
    assert 'label=" self "' in edge(text, "mul_1_4", "sub_1_5")
    ends = Calls(lambda a, b: torch.arange(9)[a.argmax() : b.argmin() + 2])
    text = draw(trace(ends, torch.rand(3, 3)))
    assert 'label=" 1 start "' in edge(text, "argmax_1_4", "getitem_1_7")
    assert 'label=" 1 stop "' in edge(text, "add_1_6", "getitem_1_7")


def test_one_tensor_in_two_arguments_is_named_as_both() -> None:
    """One edge bears both names."""
    text = draw(trace(Calls(lambda a, _: torch.sub(a, a)), X))
    assert 'label=" self, other "' in edge(text, "sin_1_1", "sub_1_3")


def test_buffers_are_cylinders_that_are_read_and_written() -> None:
    """A buffer leads to its first reader; who writes to it is dotted."""
    text = draw(trace(zoo_values.BufferInALoop(), torch.ones(3, 2)))
    assert 'shape="cylinder"' in box(text, "buffer state")
    assert "buffer, written" in box(text, "buffer state")
    assert "→ pass 1" in edge(text, "buffer state", "mul_1_1")
    for writer in ("mul_1_1", "add_1_3"):
        assert "dotted" in edge(text, writer, "buffer state")


def test_running_statistics_are_drawn_on_request() -> None:
    """auto leaves out what normalisations keep; all draws it; none draws no buffer."""
    traced = trace(zoo.ResidualBlock().eval(), IMAGE)
    assert "cylinder" not in draw(traced)
    assert draw(traced, buffers="all").count("cylinder") == 2
    assert "buffer, written" not in draw(traced, buffers="all")
    loop = trace(zoo_values.BufferInALoop(), torch.ones(3, 2))
    assert "cylinder" not in draw(loop, buffers="none")
    with pytest.raises(TraceError, match=r"buffers='some' cannot be drawn; nearest: none"):
        draw(traced, buffers="some")


def test_a_buffer_that_one_closed_module_uses_is_part_of_it() -> None:
    """It is drawn when the module is opened."""
    traced = trace(nn.Sequential(zoo.ResidualBlock().eval()), IMAGE)
    assert "cylinder" not in draw(traced, buffers="all", depth=1)
    assert draw(traced, buffers="all", depth=2).count("cylinder") == 2


def test_a_number_that_came_back_is_a_dotted_edge() -> None:
    """What left as `.item()` and came back as an argument is drawn, and named."""
    assert 'style="dotted"' in edge(draw(trace(Numbers(), X)), "max_1_1", "mul_1_2")
    assert 'label=" item "' in edge(drawn("numbers"), "max_1_1", "mul_1_2")


def test_a_number_that_came_back_beside_its_tensor_is_no_second_edge() -> None:
    """Where the tensor itself is read as well, its edge says all."""
    text = draw(trace(Calls(lambda a, _: (total := a.sum()) * total.item()), X))
    assert text.count('"sum_1_3" -> "mul_1_4"') == 1
    assert "dotted" not in edge(text, "sum_1_3", "mul_1_4")


def test_long_edges_become_tags_where_they_cross_too_much(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The longest edges go first, no connection is lost, and the legend says so."""

    class Chain(nn.Module):
        def forward(self, x):
            start = x.sin()
            y = start.cos()
            for _ in range(20):
                y = y.tanh()
            return y + start

    traced = trace(Chain(), X)
    usual = draw(traced, rolled=False)
    assert "cds" not in usual
    monkeypatch.setattr(long_edges, "MOST_CROSSED", 40)
    tagged = draw(traced, rolled=False)
    tag = box(tagged, "sin_1_1 to add_1_4")
    assert 'shape="cds"' in tag
    assert "<b>sin_1_1</b>" in tag
    assert edge(tagged, "sin_1_1 to add_1_4", "add_1_4")
    assert '"sin_1_1" -> "add_1_4"' not in tagged
    assert usual.count(" -> ") == tagged.count(" -> ")
    assert "the box of that name" in tagged


def test_a_large_picture_leaves_no_room_for_the_names_of_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They stand at the heads, which costs the layout nothing."""
    assert 'label=" item "' in edge(drawn("numbers"), "max_1_1", "mul_1_2").replace("head", "")
    monkeypatch.setattr(dot, "_MOST_ROOMY", 1)
    assert 'headlabel=" item "' in edge(drawn("numbers"), "max_1_1", "mul_1_2")
