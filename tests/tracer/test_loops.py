"""Which Ops are the same layer: the rule on real forward passes."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.tracer.loops import Visit, find_layers
from tests import zoo


def passes(model: torch.nn.Module, *shape: int) -> str:
    """Layers of a forward pass with their number of passes, as text."""
    torch.manual_seed(0)
    traced = trace(model, torch.ones(shape or (2, 5)), keep=None)
    inner = [layer for layer in traced.layers if layer.type not in ("input", "output")]
    return " ".join(f"{layer.label}x{len(layer.ops)}" for layer in inner)


CASES = [
    (zoo.Recurrent(), "linear_1_1x4 add_1_2x4 mul_1_3x4"),
    (zoo.Recurrent(times=1), "linear_1_1x1 add_1_2x1 mul_1_3x1"),
    (zoo.ThreeSines(), "sin_1_1x3"),
    (zoo.NestedLoops(), "sin_1_1x4 cos_1_2x2"),
    (zoo.ChangingScalar(), "add_1_1x3"),
    (zoo.GrowingTensor(), "cat_1_1x3"),
    (zoo.TwoLoopsApart(), "sin_1_1x2 cos_1_2x1 sin_2_3x2"),
    (zoo.TwoLoopsOneLinear(), "linear_1_1x5 cos_1_2x1"),
    (zoo.HandUnrolled(), "linear_1_1x2 relu_1_2x2"),
    (zoo.Siamese(), "linear_1_1x2 relu_1_2x2 mul_1_3x1 sub_1_4x1"),
    (zoo.Tied(), "linear_1_1x2 sin_1_2x1"),
    (zoo.Stack(), "linear_1_1x1 add_1_2x1 linear_2_3x1 add_2_4x1 linear_3_5x1 add_3_6x1"),
    (
        zoo.FunctionalStack(),
        "linear_1_1x1 relu_1_2x1 linear_2_3x1 relu_2_4x1 linear_3_5x1 relu_3_6x1",
    ),
    (zoo.AlternatingBranch(), "linear_1_1x4 cos_1_2x2 sin_1_3x2"),
    (zoo.WhileLoop(), "sum_1_1x3 lt_1_2x3 mul_1_3x2"),
    (zoo.TwiceInOneExpression(), "sin_1_1x1 sin_2_2x1"),
]


@pytest.mark.parametrize(("model", "expected"), CASES, ids=lambda case: type(case).__name__)
def test_outcome(model: torch.nn.Module, expected: str) -> None:
    """Every case has exactly these layers and passes."""
    if isinstance(model, str):
        pytest.fail("the cases are pairs of a model and its layers")
    assert passes(model) == expected


def test_one_relu_module_is_two_layers_and_two_calls() -> None:
    """A ReLU module called after bn1 and after the addition is two layers; the module is one."""
    traced = trace(zoo.ResidualBlock().eval(), torch.randn(1, 3, 4, 4))
    relus = [layer.label for layer in traced.layers if layer.type == "relu"]
    calls = [call.number for call in traced.module_calls if call.address == "relu"]
    assert (len(relus), calls) == (2, [1, 2])


def test_single_pass_has_no_suffix() -> None:
    """A loop that ran once is not numbered."""
    assert [op.label for op in trace(zoo.Recurrent(times=1), torch.ones(2, 5)).ops] == [
        "input_1_0",
        "linear_1_1",
        "add_1_2",
        "mul_1_3",
        "output_1_4",
    ]


def test_interval_that_returns_to_a_parameter_is_a_loop() -> None:
    """The rule alone: a site between uses of one parameter recurs, between new ones it stacks."""

    def visits(parameters: list[str]) -> list[Visit]:
        found = []
        for number, parameter in enumerate(parameters):
            found.append(Visit("linear", (parameter,), site=0, module="", parents=()))
            found.append(Visit("relu", (), site=1, module="", parents=(2 * number,)))
        return found

    assert find_layers(visits(["a", "b", "a", "b"]))[0] == [0, 1, 2, 3, 0, 1, 2, 3]
    assert find_layers(visits(["a", "b", "c"]))[0] == [0, 1, 2, 3, 4, 5]
    assert find_layers(visits(["a", "a", "a"]))[1] == [1, 1, 2, 2, 3, 3]


def layers_of(rounds: list[tuple[str, ...]], *, before: tuple[str, ...] = ()) -> list[int]:
    """Layers of the op without parameters that stands before the parameters of each round."""
    found = [Visit("linear", (name,), site=0, module="", parents=()) for name in before]
    at = []
    for names in rounds:
        at.append(len(found))
        found.append(Visit("sin", (), site=1, module="", parents=()))
        found += [Visit("linear", (name,), site=2, module="", parents=()) for name in names]
    layers = find_layers(found)[0]
    numbers = {layer: number for number, layer in enumerate(dict.fromkeys(layers[i] for i in at))}
    return [numbers[layers[i]] for i in at]


@pytest.mark.parametrize("before", [(), ("embed",), ("tied",)])
def test_body_that_begins_without_a_parameter(before: tuple[str, ...]) -> None:
    """The first op of a loop's body has a pass for each round; that of a stack has one."""
    assert layers_of([("a",), ("a",), ("a", "head")], before=before) == [0, 0, 0]
    assert layers_of([("a", "b"), ("a", "b")], before=before) == [0, 0]
    assert layers_of([("a",), ("b",), ("c",)], before=before) == [0, 1, 2]
    assert layers_of([("a",), ("b",), ("c", "tied")], before=before) == [0, 1, 2]
    assert layers_of([("a",), ("b",), ("a",), ("b",)], before=before) == [0, 1, 0, 1]
    assert layers_of([("a",), ("a",), ("b",), ("b",)], before=before)[:2] == [0, 0]


def test_blocks_that_are_run_twice_each_stay_apart() -> None:
    """Blocks a, a, b, b: what stands behind them is one layer for a and another one for b."""
    visits = []
    for number, parameter in enumerate("aabb"):
        visits.append(Visit("linear", (parameter,), site=0, module="", parents=()))
        visits.append(Visit("relu", (), site=1, module="", parents=(2 * number,)))
    assert find_layers(visits)[0] == [0, 1, 0, 1, 2, 3, 2, 3]


class PeeledLoop(torch.nn.Module):
    """The last round of a loop stands on lines of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(5, 5)

    def forward(self, x):
        for _ in range(3):
            x = torch.relu(self.fc(x))
        x = self.fc(x)
        return torch.relu(x)


def test_a_round_on_its_own_lines_is_a_round() -> None:
    """A hand-unrolled last round goes on counting the passes."""
    assert passes(PeeledLoop()) == "linear_1_1x4 relu_1_2x4"


class SameAgainOnItsOwnLines(torch.nn.Module):
    """What a loop does twice to one tensor is done twice to the next, on lines of their own."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = torch.nn.Linear(5, 5)

    def forward(self, x):
        y = self.fc(x)
        first = [torch.relu(y) for _ in range(2)]
        y = self.fc(y)
        return first[0] + first[1] + torch.relu(y) + torch.relu(y).cos()


def test_each_repetition_has_its_own_twin() -> None:
    """The second of the later calls is a pass of the layer of the second of the loop's."""
    assert passes(SameAgainOnItsOwnLines()).startswith("linear_1_1x2 relu_1_2x4 add_1_3x")
