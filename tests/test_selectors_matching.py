"""Selectors applied to traces of small models."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.errors import SelectorError
from lens_pipeline.selectors import parse_selectors, select
from lens_pipeline.tracer.run import trace


class Area(nn.Module):
    """A recurrent area: its `output` is called once per time step."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps
        self.conv = nn.Conv2d(2, 2, 1)
        self.output = nn.Identity()

    def forward(self, x):
        for _ in range(self.steps):
            x = self.output(torch.relu(self.conv(x)))
        return x


class Areas(nn.Module):
    def __init__(self):
        super().__init__()
        self.V1 = Area(1)
        self.V2 = Area(2)
        self.V4 = Area(4)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(2, 3)

    def forward(self, x):
        return self.head(self.V4(self.V2(self.V1(x))).mean((2, 3)))


class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(2, 3)
        self.linear_1 = nn.Linear(3, 3)
        self.other = nn.Linear(3, 3)

    def forward(self, x):
        y, _ = self.rnn(x)
        return self.linear_1(self.other(y))


@pytest.fixture(scope="module")
def areas():
    torch.manual_seed(0)
    return trace(Areas().eval(), torch.randn(2, 2, 3, 3))


@pytest.fixture(scope="module")
def two():
    torch.manual_seed(0)
    return trace(Two().eval(), torch.randn(4, 1, 2))


def chosen(traced, *texts):
    """What was selected, as `name: passes`."""
    found = select(traced, parse_selectors(list(texts)))
    return {one.name: [number for number, _ in one.ops] for one in found}


def test_a_module_is_selected_with_all_its_calls(areas):
    """The values are those that a forward hook sees, call by call."""
    model, seen = Areas().eval(), []
    torch.manual_seed(1)
    x = torch.randn(2, 2, 3, 3)
    model.V4.output.register_forward_hook(lambda module, args, out: seen.append(out.detach()))
    traced = trace(model, x)
    (selected,) = select(traced, parse_selectors("V4.output"))
    seen = seen[:4]
    assert [number for number, _ in selected.ops] == [1, 2, 3, 4]
    for (_, op), value in zip(selected.ops, seen, strict=True):
        assert torch.equal(traced.ops[op].value, value)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("V4.output", [1, 2, 3, 4]),
        ("V4.output:*", [1, 2, 3, 4]),
        ("V4.output:3", [3]),
        ("V4.output:-1", [4]),
        ("V4.output:-4", [1]),
        ("V4.output:2-3", [2, 3]),
    ],
)
def test_passes_are_picked(areas, text, passes):
    """One, the last, a range, all."""
    assert chosen(areas, text) == {"V4.output": passes}


def test_a_glob_crosses_modules_and_dots(areas):
    """`?` is one character; `*` any, dots included; case counts."""
    assert list(chosen(areas, "V?.output")) == ["V1.output", "V2.output", "V4.output"]
    assert list(chosen(areas, "V1*")) == ["V1.conv", "V1"]
    assert list(chosen(areas, "conv2d_*")) == ["conv2d_1_1", "conv2d_2_4", "conv2d_3_7"]
    with pytest.raises(SelectorError):
        chosen(areas, "v?.output")


def test_a_glob_takes_the_passes_that_are_there(areas):
    """V1 has no second pass, V2 and V4 have; the last pass is there always."""
    assert chosen(areas, "V?.output:2") == {"V2.output": [2], "V4.output": [2]}
    assert chosen(areas, "V?.output:2-9") == {"V2.output": [2], "V4.output": [2, 3, 4]}
    assert chosen(areas, "V?.output:-1") == {"V1.output": [1], "V2.output": [2], "V4.output": [4]}


def test_layers_are_named_by_label_short_label_and_number(areas):
    """`conv2d_2_4`, `conv2d_2`, and its number from either end are one layer."""
    for text in ("conv2d_2_4", "conv2d_2", "4", str(4 - len(areas.layers))):
        assert chosen(areas, text) == {"conv2d_2_4": [1, 2]}
    assert chosen(areas, "conv2d_2:2") == {"conv2d_2_4": [2]}
    assert chosen(areas, "input_1") == {"input_1_0": [1]}


def test_all_is_every_operation_but_inputs_and_outputs(areas):
    """The model's output is its last operation."""
    labels = [layer.label for layer in areas.layers][1:-1]
    assert list(chosen(areas, "all")) == labels
    assert sum(map(len, chosen(areas, "all").values())) == len(areas.ops) - 2


def test_an_op_is_kept_once_under_its_first_name(areas):
    """Selectors that overlap give no duplicates, and passes of one name come together."""
    assert chosen(areas, "head", "linear_1", "h*") == {"head": [1]}
    assert chosen(areas, "linear_1", "head") == {"linear_1_11": [1]}
    assert chosen(areas, "V4.output:3", "V4.output:1") == {"V4.output": [1, 3]}
    assert chosen(areas, "V4", "V4.output") == {"V4.output": [1, 2, 3], "V4": [1]}


def test_layers_come_in_execution_order(areas):
    """Whatever the order of the selectors."""
    assert list(chosen(areas, "head", "V4.output", "V1.output")) == [
        "V1.output",
        "V4.output",
        "head",
    ]


def test_a_module_with_several_tensors_gives_one_layer_each(two):
    """`rnn` is all of them, `rnn@0` the first."""
    assert list(chosen(two, "rnn")) == ["rnn@0", "rnn@1", "rnn@2"]
    assert list(chosen(two, "rnn@0")) == ["rnn@0"]
    assert list(chosen(two, "rnn@[12]")) == ["rnn@1", "rnn@2"]
    (selected,) = select(two, parse_selectors("rnn@0"))
    assert two.ops[selected.ops[0][1]].shape == (4, 1, 3)


def test_an_address_that_is_another_layers_short_label_is_an_error(two):
    """`self.linear_1` may be called second; which one is meant must be said."""
    with pytest.raises(
        SelectorError, match=r"short label of layer (linear_1_\d) .* \?inear_1"
    ) as e:
        chosen(two, "linear_1")
    label = str(e.value).partition("of layer ")[2].partition(" ")[0]
    assert chosen(two, label) == {label: [1]}
    assert chosen(two, "?inear_1") == {"linear_1": [1]}


def test_a_digit_is_an_address_before_it_is_a_number():
    """The children of a Sequential are named 0, 1, ..."""
    traced = trace(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), torch.zeros(1, 2))
    assert chosen(traced, "0") == {"0": [1]}
    assert chosen(traced, "0", "-3") == {"0": [1]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V5.output", r"'V5.output' matched nothing in Areas \(\d+ ops\); nearest: V4.output"),
        ("convv2d_1", "nearest: conv2d_1_1"),
        ("W*", r"'W\*' matched nothing in Areas"),
        ("rnn@7", "matched nothing"),
        ("unused", "names a Linear of Areas .* that was not called"),
        ("99", r"no layer number 99; its layers are 0 to \d+, or -1 to -\d+"),
        ("V4.output:5", "'V4.output:5' asks for a pass that is not there; V4.output has 4 passes"),
        ("V4.output:3-5", "V4.output has 4 passes"),
        ("V4.output:-5", "V4.output has 4 passes"),
        ("V1.output:2", r"V1.output has 1 pass: choose 1, or -1 for the last\.$"),
        ("V?.output:7", r"4 passes: choose from 1 to 4, or -1 for the last\.$"),
        ("all:7", "has 4 passes"),
    ],
)
def test_what_is_not_there_is_an_error(areas, text, message):
    """Named, with what there is instead; never an empty result."""
    with pytest.raises(SelectorError, match=message):
        chosen(areas, text)
