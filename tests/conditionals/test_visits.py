"""Evaluations of one test are told apart: in loops, in modules called again, in recursion."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from lens_pipeline import trace
from lens_pipeline.conditionals.branching import arm_of, conditionals
from tests.conditionals.tiny import UP, ran, run

ON, OFF = torch.tensor(1.0), torch.tensor(0.0)


def test_alternating_in_a_loop() -> None:
    """Each evaluation in a loop is a conditional with its own arm and Ops."""

    def forward(x: Tensor) -> Tensor:
        for _ in range(4):
            if x.sum() > 0:  # noqa: SIM108
                x = x.neg()
            else:
                x = x.abs().exp()
        return x

    traced = run(forward, UP)
    found = conditionals(traced)
    assert [one.taken for one in found] == ["then", "else", "then", "else"]
    assert [ran(traced, one) for one in found] == [["neg"], ["abs", "exp"]] * 2
    assert sum(map(len, arm_of(traced, found))) == 6


def test_loop_without_ops_between_the_tests() -> None:
    """A test that comes again without any Op in between is another evaluation."""

    def forward(*flags: Tensor) -> Tensor:
        count = 0
        for flag in flags:
            if flag:
                count += 1
        return flags[0] * count

    found = conditionals(run(forward, ON, OFF, ON))
    assert [one.taken for one in found] == ["then", "else", "then"]


def test_loop_over_a_test_of_two_operands() -> None:
    """The first operand again is the next evaluation, though nothing ran in between."""

    def forward(*flags: Tensor) -> Tensor:
        count = 0
        for one, other in zip(flags[::2], flags[1::2], strict=True):
            if one > 0 and other > 0:
                count += 1
        return flags[0] * count

    found = conditionals(run(forward, ON, ON, ON, OFF, OFF, ON))
    assert [one.taken for one in found] == ["then", "else", "else"]
    assert [len(test.reads) for one in found for test in one.tests] == [2, 2, 1]


def test_loop_in_an_arm_and_in_a_test() -> None:
    """A loop inside an arm is in it; a test that reads many tensors at once is one evaluation."""

    def forward(x: Tensor) -> Tensor:
        if any(part.sum() > 3 for part in x.split(1)):
            return x
        elif all([part > 0 for part in x.split(1)]):  # noqa: C419, RET505
            for _ in range(3):
                x = x.sin()
        return x

    traced = run(forward, UP)
    (found,) = conditionals(traced)
    assert [len(test.reads) for test in found.tests] == [2, 2]
    assert (found.taken, ran(traced, found)) == ("elif 1", ["sin"] * 3)


class Gate(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 0:  # noqa: SIM108
            y = self.linear(x) * 0 - 1
        else:
            y = x.sin()
        return y


def test_branch_inside_a_submodule_and_around_one() -> None:
    """Calls of a module are told apart, and what a module does in an arm is in it."""

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = Gate()

        def forward(self, x: Tensor) -> Tensor:
            for _ in range(2):
                x = self.gate(x)
            if x.max() < 0:
                x = self.gate(x)
            return x

    traced = trace(Model(), UP)
    found = conditionals(traced)
    assert [one.taken for one in found] == ["then", "else", "then", "else"]
    assert [one.enclosing for one in found] == [None, None, None, (2, "then")]
    assert "linear" in ran(traced, found[0])
    assert ran(traced, found[1]) == ["sin"]
    assert ran(traced, found[2]) == ["sum", "gt", "sin"]
    assert [one.function for one in found].count("Gate.forward") == 3


def test_recursion() -> None:
    """Activations of one function are told apart by the calls between them."""

    def forward(x: Tensor) -> Tensor:
        if x.sum() < 3:
            x = forward(x.exp()).sin()
        return x.cos()

    traced = run(forward, UP)
    outer, inner = conditionals(traced)
    assert (outer.taken, inner.taken, inner.enclosing) == ("then", "else", (0, "then"))
    assert ran(traced, outer) == ["exp", "sum", "lt", "cos", "sin"]
    assert ran(traced, inner) == []


def test_helper_called_in_a_loop() -> None:
    """A function that is called again from the same place is another activation."""

    def gate(x: Tensor, *, open_: bool) -> Tensor:
        if open_ and x.sum() > 0:
            x = x.sin()
        elif x.shape[0] == 2:
            x = x.cos()
        return x

    def forward(x: Tensor) -> Tensor:
        for step in range(4):
            x = gate(x, open_=step % 2 == 0).exp()
        return x

    traced = run(forward, UP)
    found = conditionals(traced)
    assert [ran(traced, one) for one in found] == [["sin"], ["sin"]]


def test_two_reads_of_one_operand_by_name() -> None:
    """Bare names under `and` are counted: a read too many begins the next evaluation."""

    def forward(*flags: Tensor) -> Tensor:
        count = 0
        for one, other in itertools.pairwise(flags):
            if one and other:
                count += 1
        return flags[0] * count

    found = conditionals(run(forward, ON, ON, ON, OFF))
    assert [one.taken for one in found] == ["then", "then", "else"]
    assert [one.tests[0].reads for one in found] == [(0, 1), (2, 3), (4, 5)]


def test_generator_in_an_arm() -> None:
    """What a generator does while an arm runs it is in the arm."""

    def parts(x: Tensor):
        for part in x.split(1):
            yield part.sin()

    def forward(x: Tensor) -> Tensor:
        if x.sum() > 0:
            x = torch.cat(list(parts(x)))
        return x

    traced = run(forward, UP)
    (found,) = conditionals(traced)
    assert ran(traced, found) == ["split", "split", "sin", "sin", "cat"]


def test_other_operand_in_the_next_round() -> None:
    """What happens outside the test ends an evaluation, also if another operand is read next."""

    def forward(x: Tensor) -> Tensor:
        for step in range(2):
            if (step == 0 and x.sum() > 0) or x.max() > 50:
                x = x.sin()
        return x

    found = conditionals(run(forward, UP))
    assert [one.taken for one in found] == ["then", "else"]


def test_helper_called_from_two_lines() -> None:
    """A function called from another line is another activation, also if it reads nothing."""

    def gate(x: Tensor, *, open_: bool) -> Tensor:
        return x.sin() if open_ or x.sum() > 0 else x

    def forward(x: Tensor) -> Tensor:
        x = gate(x, open_=False)
        return gate(x, open_=True)

    traced = run(forward, UP)
    (found,) = conditionals(traced)
    assert ran(traced, found) == ["sin"]
