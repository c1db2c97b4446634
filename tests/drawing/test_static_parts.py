"""Parts of a model: how far modules are opened, and one of them alone."""

from __future__ import annotations

import re

import pytest
import torch
from torch import nn

from lens_pipeline import draw, trace
from lens_pipeline.errors import TraceError
from tests import zoo
from tests.drawing.drawings import Frames, X
from tests.drawing.test_static import box, edge


def test_depth_draws_a_module_as_one_box() -> None:
    """At depth 1 the model's children are boxes with their class, size, layers and parameters."""
    text = draw(trace(Frames(), X), depth=1)
    second = box(text, "module second")
    for said in ("<i>Sequential</i>", "2x3 (24 B)", "2 layers, 1 parameter (60 B)"):
        assert said in second
    assert "(x2)" in box(text, "module first")
    assert "pass 1 → 2" in edge(text, "module first", "module first")
    assert "cluster" not in text


def test_depth_0_opens_everything() -> None:
    """0 and None are the same; a module of one operation is never closed."""
    traced = trace(Frames(), X)
    assert draw(traced, depth=0) == draw(traced, depth=None) == draw(traced)
    assert "box3d" not in draw(traced)
    assert 'shape="box"' in box(draw(traced, depth=2), "linear_1_1")
    assert "module second.0" in draw(traced, depth=2)
    assert "module second.0" not in draw(traced, depth=3)


@pytest.mark.parametrize("depth", [-1, 4, True, 1.5, "2"])
def test_a_depth_that_is_not_there(depth) -> None:
    """The error says how deep the modules are nested."""
    with pytest.raises(TraceError) as caught:
        draw(trace(Frames(), X), depth=depth)
    assert str(caught.value) == (
        f"There is no depth {depth!r} in Frames, whose modules are nested 3 deep: give 0 to open "
        "all of them, or 1 to 3 to draw those as boxes."
    )


def test_a_model_without_modules_has_no_depth() -> None:
    """Only 0 is there."""
    with pytest.raises(TraceError, match=r"nested 0 deep: give 0 to open all of them\.$"):
        draw(trace(zoo.ThreeSines(), X), depth=1)


def test_one_module_with_its_border() -> None:
    """Its operations, a green box for what comes in and a red one for who reads it."""
    text = draw(trace(Frames(), X), module="second")
    assert ">second of Frames: 2 layers, 2 operations<" in text
    assert 'fillcolor="#a8e6a1"' in box(text, "from add_1_4")
    assert edge(text, "from add_1_4", "linear_2_5")
    assert edge(text, "tanh_1_6", "output_1_7")
    assert "zeros_1_3" not in text
    assert 'label="second (Sequential)"' in text


def test_readers_outside_are_named() -> None:
    """The red box says who reads, the green one which module it comes from."""
    text = draw(trace(Frames(), X), module="first")
    assert "<b>to add_1_4</b>" in box(text, "out of relu_1_2")
    assert "pass 1 → 2" in edge(text, "relu_1_2", "linear_1_1")
    assert "pass 2 →" in edge(text, "relu_1_2", "out of relu_1_2")
    second = draw(trace(Frames(), X), module="first:2")
    assert "<i>@first.1</i>" in box(second, "from relu_1_2")
    assert "input_1_0" not in second


def test_depth_counts_from_the_module() -> None:
    """Depth 1 closes the children of the module that is drawn."""
    traced = trace(Frames(), X)
    assert "module second.0" in draw(traced, module="second", depth=1)
    with pytest.raises(TraceError, match=r"no depth 3 in module second, whose .* nested 2 deep"):
        draw(traced, module="second", depth=3)


def test_every_op_of_a_module_is_drawn_and_none_beside() -> None:
    """The boxes of one module are the operations between its entry and its exit."""
    traced = trace(nn.Sequential(zoo.Attention().eval(), nn.Linear(4, 4)), torch.rand(1, 3, 4))
    text = draw(traced, module="0", rolled=False)
    call = next(call for call in traced.module_calls if call.address == "0")
    inside = {op.label for op in traced.ops[call.first : call.last]}
    assert all(box(text, label) for label in inside)
    assert text.count("fillcolor") == len(inside) + 2


@pytest.mark.parametrize(
    ("module", "message"),
    [
        ("secnd", "There is no module 'secnd' in Frames to draw; nearest: second"),
        ("first:3", "Module first of Frames was called 2 times, so there is no call 3 of it"),
    ],
)
def test_a_module_that_is_not_there(module: str, message: str) -> None:
    """The error says what is near, or how often it was called."""
    with pytest.raises(TraceError, match=message):
        draw(trace(Frames(), X), module=module)


def test_a_module_that_was_not_called() -> None:
    """It exists, but there is nothing to draw."""
    model = Frames()
    model.spare = nn.Linear(2, 2)
    with pytest.raises(TraceError, match="Module spare of Frames was not called in this forward"):
        draw(trace(model, X), module="spare")


def test_a_frame_that_no_input_leads_to_is_dashed() -> None:
    """A module that works on what was made inside, beside one that works on the input."""

    class Made(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.own = nn.Sequential(nn.Linear(5, 5), nn.ReLU())
            self.fed = nn.Sequential(nn.Linear(5, 5), nn.ReLU())

        def forward(self, x):
            return self.own(torch.zeros(5)) + self.fed(x)

    text = draw(trace(Made(), X))
    styles = re.findall(r'label="(\w+) \(Sequential\)";\s+style="([\w,]+)"', text)
    assert styles == [("own", "dashed,rounded"), ("fed", "rounded")]
