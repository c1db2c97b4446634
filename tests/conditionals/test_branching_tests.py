"""What the tests of conditionals read: and, or, not, a walrus, a helper, a Python value."""

from __future__ import annotations

import itertools
import linecache

import pytest
import torch
from torch import Tensor

from lens_pipeline import trace
from lens_pipeline.conditionals.branching import conditionals
from tests.conditionals.tiny import DOWN, UP, only, ran, run


def bare_and(a: Tensor, b: Tensor) -> Tensor:
    if a and b:
        return a.sin()
    return a.cos()


def bare_or_not(a: Tensor, b: Tensor) -> Tensor:
    if a or not b:
        return a.sin()
    return a.cos()


def called_and(a: Tensor, b: Tensor) -> Tensor:
    if (a > 0).all() and (b > 0).all():
        return a.sin()
    return a.cos()


def not_both(a: Tensor, b: Tensor) -> Tensor:
    if not (a > 0 and b > 0):
        return a.sin()
    return a.cos()


def bare_and_compared(a: Tensor, b: Tensor) -> Tensor:
    if a and b > 0:
        return a.sin()
    return a.cos()


def compared_or_bare(a: Tensor, b: Tensor) -> Tensor:
    if a > 0 or b:
        return a.sin()
    return a.cos()


ON, OFF = torch.tensor(1.0), torch.tensor(0.0)


@pytest.mark.parametrize(
    ("forward", "a", "b", "n_reads", "taken"),
    [
        (bare_and, ON, ON, 2, "then"),
        (bare_and, ON, OFF, 2, "else"),
        (bare_and, OFF, ON, 1, "else"),
        (bare_or_not, ON, ON, 1, "then"),
        (bare_or_not, OFF, OFF, 2, "then"),
        (bare_or_not, OFF, ON, 2, "else"),
        (called_and, ON, ON, 2, "then"),
        (called_and, ON, OFF, 2, "else"),
        (called_and, OFF, ON, 1, "else"),
        (not_both, ON, ON, 2, "else"),
        (not_both, ON, OFF, 2, "then"),
        (not_both, OFF, ON, 1, "then"),
        (bare_and_compared, ON, OFF, 2, "else"),
        (compared_or_bare, OFF, ON, 2, "then"),
    ],
)
def test_and_or_not(forward, a: Tensor, b: Tensor, n_reads: int, taken: str) -> None:
    """Operands of one test are reads of one conditional; an arm without Ops is told by values."""
    traced = run(forward, a, b)
    found = only(traced)
    assert (len(found.tests[0].reads), found.taken) == (n_reads, taken)
    assert ran(traced, found) == (["sin"] if taken == "then" else [])


def test_operand_that_is_no_tensor() -> None:
    """Where a Python value has the last word, the Ops tell the arm, or nothing does."""

    def forward(x: Tensor, *, extra: bool) -> Tensor:
        if x.sum() > 0 and extra:
            return x.sin()
        return x

    assert only(run(lambda x: forward(x, extra=True), UP)).taken == "then"
    assert only(run(lambda x: forward(x, extra=False), UP)).taken is None
    assert only(run(lambda x: forward(x, extra=False), DOWN)).taken == "else"


def test_walrus() -> None:
    """A number that is named while it is tested is tested."""

    def forward(x: Tensor) -> Tensor:
        if (total := x.sum().item()) > 3.5:
            return x.sin()
        if flag := x.sum() > 1:
            return x * total * flag
        return x

    first, second = conditionals(run(forward, UP))
    assert (first.taken, second.taken) == ("else", "then")
    assert first.tests[0].text == "(total := x.sum().item()) > 3.5"


def positive(x: Tensor) -> Tensor:
    return x.sum() > 0


def surely_positive(x: Tensor) -> bool:
    return bool(x.sum() > 0)


@pytest.mark.parametrize("helper", [positive, surely_positive, lambda x: (x.sum() > 0).item()])
def test_condition_in_a_helper(helper) -> None:
    """What a function returns into a test is tested there, a tensor or a truth value."""

    def forward(x: Tensor) -> Tensor:
        if helper(x):
            return x.sin()
        return x.cos()

    traced = run(forward, UP)
    found = only(traced)
    assert (found.taken, ran(traced, found)) == ("then", ["sin"])
    assert found.function.endswith("forward")
    assert only(run(forward, DOWN)).taken == "else"


def test_condition_in_a_module() -> None:
    """What a module returns into a test of the model's is tested there too."""

    class Positive(torch.nn.Module):
        def forward(self, x: Tensor) -> bool:
            return bool(x.sum() > 0)

    class Model(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.gate = Positive()

        def forward(self, x: Tensor) -> Tensor:
            return x.sin() if self.gate(x) else x.cos()

    found = only(trace(Model(), DOWN))
    assert (found.kind, found.taken) == ("ternary", "else")
    assert found.function.endswith("Model.forward")


def test_condition_that_a_caller_keeps_is_not_its_callers() -> None:
    """What was returned and then kept in a name is tested nowhere that could be told."""

    def middle(x: Tensor) -> Tensor:
        flag = surely_positive(x)
        return x if flag else -x

    def forward(x: Tensor) -> Tensor:
        return x.sin() if middle(x) is not None else x

    assert conditionals(run(forward, UP)) == ()


OPERANDS = ("{}", "{} > 0", "not {} > 0", "{}.any()", "not {}.any()")


@pytest.mark.parametrize(
    "template", ["if {}:\n  y = a.sin()\n else:\n  y = a.cos()", "y = a.sin() if {} else a.cos()"]
)
@pytest.mark.parametrize("word", ["and", "or"])
@pytest.mark.parametrize("first", OPERANDS)
@pytest.mark.parametrize("second", OPERANDS)
def test_two_operands_of_any_form(template: str, word: str, first: str, second: str) -> None:
    """They are one conditional, whose arm is Python's, whichever form each operand has."""
    test = f"{first.format('a')} {word} {second.format('b')}"
    source = f"def forward(a, b):\n {template.format(test)}\n return y\n"
    name = f"<{test}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space: dict = {}
    exec(compile(source, name, "exec"), space)
    for a, b in itertools.product((ON, OFF), repeat=2):
        expected = "then" if eval(test, {"a": a, "b": b}) else "else"
        assert only(run(space["forward"], a, b)).taken == expected, (a, b)
    del linecache.cache[name]
