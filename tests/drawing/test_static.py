"""Drawings: text that is the same every time, boxes and edges that say what they should."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from lens_pipeline import draw, trace
from lens_pipeline.errors import TraceError
from tests import zoo
from tests.drawing.drawings import DRAWINGS, GOLDEN, Branches, Frames, Switched, X, drawn


def box(text: str, name: str) -> str:
    """The line of one box."""
    return next(line for line in text.splitlines() if line.strip().startswith(f'"{name}" ['))


def edge(text: str, tail: str, head: str) -> str:
    """The line of one edge."""
    start = f'"{tail}" -> "{head}"'
    return next(line for line in text.splitlines() if line.strip().startswith(start))


@pytest.mark.parametrize("name", DRAWINGS)
def test_drawing_is_the_golden_text(name: str) -> None:
    """The text of a drawing is the one on file, byte by byte."""
    assert drawn(name) == (GOLDEN / f"{name}.dot").read_text("utf-8")


def test_no_golden_text_is_left_over() -> None:
    """Every file in golden/ belongs to a drawing."""
    assert {path.stem for path in GOLDEN.iterdir()} == set(DRAWINGS)


def test_loops_say_which_pass_leads_to_which() -> None:
    """Rolled edges are labelled exactly where passes do not lead each to its own."""
    text = draw(trace(zoo.Recurrent(), X))
    edges = dict(re.findall(r'  "(\w+" -> "\w+)"(?: \[.*?label="([^"]*)")?', text))
    assert edges == {
        'input_1_0" -> "linear_1_1': " → pass 1 ",
        'linear_1_1" -> "add_1_2': "",
        'add_1_2" -> "mul_1_3': "",
        'mul_1_3" -> "linear_1_1': " passes 1-3 → 2-4 ",
        'mul_1_3" -> "output_1_4': " pass 4 → ",
    }


def test_unrolled_has_one_box_per_op_and_one_edge_per_parent() -> None:
    """Nothing is merged when every operation is drawn."""
    traced = trace(zoo.Attention().eval(), torch.rand(2, 3, 4))
    text = draw(traced, rolled=False)
    assert text.count("fillcolor") == len(traced.ops)
    assert text.count(" -> ") == sum(len(op.parents) for op in traced.ops)


def test_looks_tell_kinds_apart() -> None:
    """Inputs, outputs, parameters, module outputs and what no input leads to look different."""
    text = draw(trace(Frames(), X))
    assert 'fillcolor="#a8e6a1"' in box(text, "input_1_0")
    assert 'fillcolor="#f5a9a9"' in box(text, "output_1_7")
    linear, addition, zeros = (box(text, name) for name in ("linear_1_1", "add_1_4", "zeros_1_3"))
    assert 'fillcolor="#e3e3e3:#bdbdbd"' in linear
    assert 'shape="box"' in linear
    assert "(x2)" in linear
    assert "params: weight (5x5), bias [5]" in linear
    assert "@first.0" in linear
    assert 'shape="ellipse"' in addition
    assert "dashed" not in addition
    assert "dashed" in zeros
    assert "dashed" in edge(text, "zeros_1_3", "add_1_4")
    assert "dashed" not in edge(text, "relu_1_2", "add_1_4")


def test_a_frozen_layer_is_darker_than_a_trainable_one() -> None:
    """Frozen parameters alone have a colour of their own."""
    frozen = nn.Sequential(nn.Linear(5, 5).requires_grad_(requires_grad=False), nn.Linear(5, 5))
    text = draw(trace(frozen, X))
    assert 'fillcolor="#bdbdbd"' in box(text, "linear_1_1")
    assert 'fillcolor="#e3e3e3"' in box(text, "linear_2_2")


def test_frames_bear_address_class_and_calls() -> None:
    """A frame is titled with its module, the calls rolled into it, or the one call it is."""
    assert 'label="first (Sequential) (x2)";' in drawn("frames_rolled")
    unrolled = drawn("frames_unrolled")
    assert 'label="first:1 (Sequential)";' in unrolled
    assert 'label="first:2 (Sequential)";' in unrolled
    assert 'label="second (Sequential)";' in unrolled
    assert 'label="0 (Sequential)";' in unrolled  # its address goes on from the frame around it


def test_a_module_shared_by_two_others_has_a_frame_in_neither() -> None:
    """A box stands in the frames that all of its passes have in common."""
    text = drawn("shared_module")
    assert "0 (Sequential)" not in text
    assert "    " not in box(text, "linear_1_1")[:3]
    assert "    " in box(text, "relu_1_3")[:4]


def test_what_decides_a_branch_is_marked() -> None:
    """The test's text stands in a yellow box; edges into test and arm say which they are."""
    text = draw(trace(Switched(), X))
    assert 'fillcolor="#f7d460"' in box(text, "gt_1_3")
    assert "if self.gate(x).mean() &gt; 0: yes" in box(text, "gt_1_3")
    assert "<b>IF</b>" in edge(text, "input_1_0", "linear_1_1")
    assert "<b>THEN</b>" in edge(text, "input_1_0", "linear_2_4")
    assert "label" not in edge(text, "linear_1_1", "mean_1_2")


def test_arms_within_arms() -> None:
    """An edge into an arm from outside bears it, with the outer arm where it enters both."""
    text = draw(trace(Branches(), X))
    assert "elif gate.sum() &lt; 1: yes" in box(text, "lt_1_5")
    assert "<b>ELIF 1</b>" in edge(text, "input_1_0", "cos_1_6")
    assert "<b>ELSE</b>" in edge(text, "cos_1_6", "sub_1_9")
    assert "<b>ELIF 1, ELSE</b>" in edge(text, "linear_1_1", "sub_1_9")
    assert "label" not in edge(text, "sub_1_9", "add_1_10")


def test_text_is_escaped() -> None:
    """Names that mean something to Graphviz do no harm, in a box and in a title."""

    class Named(nn.Module):
        def forward(self, x):
            return {'<a> & "b"\0': x + 1}

    traced = trace(Named(), X)
    assert "<a>" not in draw(traced, rolled=False, title="<a>\n")


def test_direction() -> None:
    """The inputs are below, above, left or right; another word is refused."""
    traced = trace(zoo.ThreeSines(), X)
    found = {
        word: re.findall("rankdir=(..)", draw(traced, direction=word))
        for word in ("up", "down", "right", "left")
    }
    assert found == {"up": ["BT"], "down": ["TB"], "right": ["LR"], "left": ["RL"]}
    with pytest.raises(TraceError, match=r"A picture cannot be read 'upp'; nearest: up\."):
        draw(traced, direction="upp")


def test_title_and_legend() -> None:
    """The title is the counts or the user's; the legend names what occurs, or is left out."""
    traced = trace(Frames(), X)
    text = draw(traced)
    assert ">Frames: 8 layers, 10 operations<" in text
    assert "frozen parameters" in text
    assert "decides a branch" not in text
    plain = draw(traced, title="Mine", legend=False)
    assert ">Mine<" in plain
    assert "frozen parameters" not in plain


def test_a_trace_that_failed_is_drawn() -> None:
    """What ran until the model raised is a picture, too."""
    from lens_pipeline.tracer.run import ForwardError

    with pytest.raises(ForwardError) as caught:
        trace(zoo.Raises(), X)
    assert "output_" not in draw(caught.value.partial)
