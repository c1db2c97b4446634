"""Drawings: text that is the same every time, boxes and edges that say what they should."""

from __future__ import annotations

import builtins
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.drawing.static import draw
from lens_pipeline.errors import TraceError
from tests import zoo

GOLDEN = Path(__file__).parent / "golden"
X = torch.ones(2, 5)


class Frames(nn.Module):
    """Modules inside modules, one called twice, one frozen parameter."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
        self.second = nn.Sequential(nn.Sequential(nn.Linear(5, 3, bias=False)), nn.Tanh())
        self.first[0].bias.requires_grad_(False)

    def forward(self, x):
        return self.second(self.first(self.first(x)) + torch.zeros(5))


DRAWINGS = {
    "recurrent_rolled": (zoo.Recurrent, {}),
    "recurrent_unrolled": (zoo.Recurrent, {"rolled": False}),
    "frames_rolled": (Frames, {}),
    "frames_unrolled": (Frames, {"rolled": False}),
    "frames_depth_1": (Frames, {"depth": 1}),
}


def node(text: str, name: str) -> str:
    """The line of one node."""
    return next(line for line in text.splitlines() if line.strip().startswith(f'"{name}" ['))


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_the_golden_text(name: str) -> None:
    """The text of a drawing is the one on file, byte by byte."""
    build, options = DRAWINGS[name]
    assert draw(trace(build(), X), **options) == (GOLDEN / f"{name}.dot").read_text("utf-8")


def test_loops_say_which_pass_leads_to_which() -> None:
    """Rolled edges are labelled exactly where passes do not lead each to its own."""
    text = draw(trace(zoo.Recurrent(), X))
    edges = dict(re.findall(r'  "(\w+" -> "\w+)"(?: \[label="([^"]*)")?', text))
    assert edges == {
        'input_1_0" -> "linear_1_1': "  → 1 ",
        'linear_1_1" -> "add_1_2': "",
        'add_1_2" -> "mul_1_3': "",
        'mul_1_3" -> "linear_1_1': " 1-3 → 2-4 ",
        'mul_1_3" -> "output_1_4': " 4 →  ",
    }


def test_unrolled_has_one_node_per_op_and_one_edge_per_parent() -> None:
    """Nothing is merged when every operation is drawn."""
    traced = trace(zoo.Attention().eval(), torch.rand(2, 3, 4))
    text = draw(traced, rolled=False)
    assert text.count("fillcolor") == len(traced.ops)
    assert text.count(" -> ") == sum(len(op.parents) for op in traced.ops)


def test_looks_tell_kinds_apart() -> None:
    """Inputs, outputs, parameters, module outputs and what no input leads to look different."""
    text = draw(trace(Frames(), X))
    assert 'fillcolor="#a8e6a1"' in node(text, "input_1_0")
    assert 'fillcolor="#f5a9a9"' in node(text, "output_1_7")
    linear, addition, zeros = (node(text, name) for name in ("linear_1_1", "add_1_4", "zeros_1_3"))
    assert 'fillcolor="#e3e3e3"' in linear
    assert "shape=box" in linear
    assert "(x2)" in linear
    assert "params: weight (5x5), bias [5]" in linear
    assert "@first.0" in linear
    assert "shape=ellipse" in addition
    assert "dashed" not in addition
    assert "dashed" in zeros


def test_depth_draws_a_module_as_one_box() -> None:
    """At depth 1 the model's children are boxes with their class, size, layers and parameters."""
    text = draw(trace(Frames(), X), depth=1)
    box = node(text, "module second")
    for said in ("<i>Sequential</i>", "2x3 (24 B)", "2 layers, 1 parameter (60 B)"):
        assert said in box
    assert "(x2)" in node(text, "module first")
    assert '"module first" -> "module first" [label=" 1 → 2 "' in text
    assert "subgraph" not in text


def test_text_is_escaped() -> None:
    """Names that mean something to Graphviz do no harm."""

    class Named(nn.Module):
        def forward(self, x):
            return {'<a> & "b"': x + 1}

    traced = trace(Named(), X)
    assert "<a>" not in draw(traced, rolled=False)


def test_writes_dot_without_graphviz(tmp_path: Path) -> None:
    """The text is written as it is, and nothing else is left in the folder."""
    path = tmp_path / "new" / "graph.dot"
    text = draw(trace(zoo.Recurrent(), X), path)
    assert path.read_text("utf-8") == text
    assert [file.name for file in path.parent.iterdir()] == ["graph.dot"]


def test_a_failed_write_leaves_the_old_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A drawing that cannot take its place leaves what was there, and nothing beside it."""

    def fails(*_):
        raise OSError("disk full")

    (tmp_path / "graph.dot").write_text("old", "utf-8")
    monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="disk full"):
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.dot")
    assert [file.read_text("utf-8") for file in tmp_path.iterdir()] == ["old"]


def test_refuses_other_endings(tmp_path: Path) -> None:
    """An ending that nobody writes is refused, naming those that are."""
    with pytest.raises(TraceError, match=r"ends in one of \.dot, \.svg, \.pdf, \.png\."):
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.xls")


def test_without_pygraphviz_the_dot_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra the error says what to install and where the text is."""
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name == "pygraphviz":
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TraceError, match=r'pip install "lens-pipeline\[draw\]".*graph\.dot'):
        draw(trace(zoo.Recurrent(), X), tmp_path / "graph.svg")
    assert (tmp_path / "graph.dot").read_text("utf-8").startswith('digraph "Recurrent"')


@pytest.mark.parametrize(
    ("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_renders(tmp_path: Path, ending: str, start: bytes) -> None:
    """Where pygraphviz is installed, pictures are written in each format."""
    pytest.importorskip("pygraphviz")
    path = tmp_path / f"graph.{ending}"
    draw(trace(Frames(), X), path, rolled=False)
    assert path.read_bytes().startswith(start)
