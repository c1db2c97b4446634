"""Colour by a column or by scores, and a user's own looks."""

from __future__ import annotations

import re

import pytest
from torch import nn

from lens_pipeline import draw, to_pandas, trace
from lens_pipeline.drawing.compose import compose
from lens_pipeline.drawing.looks import RAMP, Html
from lens_pipeline.drawing.picture import Box, Edge, Frame
from lens_pipeline.drawing.places import view_of
from lens_pipeline.drawing.quantities import quantity
from lens_pipeline.errors import SelectorError, TraceError
from tests import zoo
from tests.drawing.drawings import IMAGE, Frames, X
from tests.drawing.test_static import box


def fill(text: str, name: str) -> str:
    """The colour of a box."""
    return re.findall(r'fillcolor="([^"]*)"', box(text, name))[0]


def test_colour_by_a_column() -> None:
    """The most has the strongest colour, nothing the weakest; each box says its number."""
    traced = trace(zoo.ResidualBlock(), IMAGE)
    text = draw(traced, color="flops")
    assert fill(text, "conv2d_1_1") == RAMP[2]
    assert fill(text, "relu_1_4") == RAMP[0]
    assert fill(text, "input_1_0") == "#a8e6a1"
    table = to_pandas(traced).set_index("label")
    assert quantity(float(table.loc["conv2d_1_1", "flops"]), "FLOP") == "2.59 kFLOP"
    assert "flops: 2.59 kFLOP" in box(text, "conv2d_1_1")
    assert ">flops<" in text


def test_numbers_of_passes_and_of_closed_modules_are_added_up() -> None:
    """FLOPs of a layer are those of its passes, of a module those of what ran in it."""
    traced = trace(Frames(), X)
    table = to_pandas(traced)
    inside = table[table["modules"].map(lambda names: any(n.startswith("first:") for n in names))]
    expected = f"flops: {quantity(float(inside['flops'].sum()), 'FLOP')}"
    assert expected in box(draw(traced, color="flops", depth=1), "module first")
    assert expected in box(draw(traced, color="flops"), "linear_1_1")


def test_time_of_one_call_with_several_outputs_counts_once() -> None:
    """A closed module is not slower because a call in it returned several tensors."""
    traced = trace(nn.Sequential(zoo.MultiOutput()), X[:, :4])
    once = sum({op.call: op.seconds for op in traced.ops if op.kind == "call"}.values())
    text = draw(traced, color="time", depth=1)
    assert f"seconds: {quantity(once, 's')}" in box(text, "module 0")


def test_colour_by_scores() -> None:
    """Scores go by any name of a layer or module; what has none stays white."""
    traced = trace(Frames(), X)
    text = draw(traced, color={"first.0": 0.25, "second": 0.75, "add_1": -0.5})
    assert fill(text, "tanh_1_6") == RAMP[2]
    assert fill(text, "add_1_4") == RAMP[0]
    assert fill(text, "linear_2_5") == "#ffffff"
    assert "score: 0.25" in box(text, "linear_1_1")
    closed = draw(traced, color={"second": 0.75, "second.0": 0.1, "first": 1}, depth=1)
    assert "score: 0.75" in box(closed, "module second")


@pytest.mark.parametrize(
    ("color", "error", "message"),
    [
        ("flop", TraceError, "There is no column 'flop' to colour by; nearest: flops"),
        ("dtype", TraceError, "Column dtype holds str, not numbers to colour by, as seconds,"),
        ({"thrid": 1.0}, SelectorError, "thrid"),
        ({"second": "good"}, TraceError, "The score of 'second' is 'good', which is no number."),
    ],
)
def test_what_cannot_colour(color, error: type[Exception], message: str) -> None:
    """Each error names what was wrong."""
    with pytest.raises(error, match=message):
        draw(trace(Frames(), X), color=color)


def test_style_changes_any_box_edge_and_frame() -> None:
    """What the function returns takes the place of ours; Html is read as such."""

    def style(one: Box | Edge | Frame) -> dict[str, str]:
        if isinstance(one, Box) and one.address == "second.1":
            return {"fillcolor": "gold", "label": Html("<<b>here</b>>")}
        if isinstance(one, Edge) and one.tail == "input_1_0":
            return {"penwidth": 7}
        return {"color": "red"} if isinstance(one, Frame) and one.level == 1 else {}

    text = draw(trace(Frames(), X), style=style)
    assert fill(text, "tanh_1_6") == "gold"
    assert "label=<<b>here</b>>" in box(text, "tanh_1_6")
    assert 'penwidth="7"' in text
    assert text.count('      color="red";') == 1


@pytest.mark.parametrize(
    ("style", "message"),
    [
        (lambda _: None, "The style function returned NoneType for box input_1_0; it returns a"),
        (lambda _: {"a b": "c"}, "The style function gave input_1_0 an attribute 'a b'; an"),
    ],
)
def test_a_style_that_is_none(style, message: str) -> None:
    """The error says for which box."""
    with pytest.raises(TraceError, match=message):
        draw(trace(zoo.ThreeSines(), X), style=style)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.00042, "s", "0.42 ms"),
        (2048, "bytes", "2.0 KB"),
        (3.5e9, "FLOP", "3.5 GFLOP"),
        (12, "MAC", "12 MAC"),
        (0.123456, "", "0.1235"),
    ],
)
def test_quantities(value: float, unit: str, text: str) -> None:
    """Numbers are short and bear their unit."""
    assert quantity(value, unit) == text


@pytest.mark.parametrize(("column", "low"), [("bytes", 0.0), ("index", 1.0)])
def test_what_is_added_up_is_coloured_from_zero(column: str, low: float) -> None:
    """Any other column from its least number."""
    traced = trace(zoo.Recurrent(), X)
    view = view_of(traced, rolled=False, depth=0, module="")
    scale = compose(traced, view, color=column, buffers="auto").scale
    assert scale is not None
    assert scale.low == low
