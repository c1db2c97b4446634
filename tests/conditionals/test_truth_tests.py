"""What took the contents of a tensor: branches are told apart from everything else."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from lens_pipeline import trace
from lens_pipeline.conditionals.branching import conditionals, uses


def run(forward):
    """Trace a function of two ones."""
    model = type("Model", (nn.Module,), {"forward": lambda _, x: forward(x)})()
    return trace(model, torch.ones(2))


def looped(x: Tensor) -> Tensor:
    while x.sum() < 5:
        x = x + 1
    return x


def looped_on_a_name(x: Tensor) -> Tensor:
    left = x.sum()
    while left:
        left = left - 1
    return x


def asserted(x: Tensor) -> Tensor:
    assert x.sum() > 0, "negative"
    return x


def filtered(x: Tensor) -> Tensor:
    return sum([part for part in x.split(1) if part.sum() > 0])


def filtered_by_name(x: Tensor) -> Tensor:
    return sum(part for part in x.split(1) if part)


def matched(x: Tensor) -> Tensor:
    match x.shape:
        case (2,) if x.sum() > 5:
            return x.sin()
        case _:
            return x


def stored(x: Tensor) -> Tensor:
    flag = bool(x.sum() > 0)
    if flag:
        return x.sin()
    return x


def negated(x: Tensor) -> Tensor:
    flag = not x.sum()
    return x if flag else x.sin()


def returned(x: Tensor) -> Tensor:
    return x if stored_in_a_helper(x)[0] else x.sin()


def stored_in_a_helper(x: Tensor) -> tuple[bool]:
    answer = bool(x.sum() > 0)
    return (answer,)


def a_number(x: Tensor) -> Tensor:
    return x * x.sum().item()


def a_list(x: Tensor) -> Tensor:
    return x * x.tolist()[0]


def compared_number(x: Tensor) -> Tensor:
    limit = 3
    if 2 * x.sum().item() > limit:
        x = x.sin()
    return x


def equal_tensors(x: Tensor) -> Tensor:
    return x.sin() if torch.equal(x, x + 1) else x.cos()


def asked_torch(x: Tensor) -> Tensor:
    if torch.is_nonzero(x.sum()):
        return x.sin()
    return x


def chained(x: Tensor) -> Tensor:
    if 0 < x.sum() < 1:
        return x.sin()
    return x


def listed(x: Tensor) -> Tensor:
    if all([bool(part > 0) for part in x.split(1)]):  # noqa: C419
        return x.sin()
    return x


def inside_a_lambda(x: Tensor) -> Tensor:
    return (lambda y: y.sin() if y.sum() > 0 else y)(x)  # noqa: PLC3002


@pytest.mark.parametrize(
    ("forward", "kinds", "n_conditionals"),
    [
        (looped, ["while"] * 3, 0),
        (looped_on_a_name, ["while"] * 3, 0),
        (asserted, ["assert"], 0),
        (filtered, ["comprehension"] * 2, 0),
        (filtered_by_name, ["comprehension"] * 2, 0),
        (matched, ["match"], 0),
        (stored, ["bool"], 0),
        (negated, ["bool"], 0),
        (returned, ["bool"], 0),
        (a_number, ["value"], 0),
        (a_list, ["value"], 0),
        (compared_number, ["if"], 1),
        (equal_tensors, ["ternary"], 1),
        (asked_torch, ["if"], 1),
        (chained, ["if", "if"], 1),
        (listed, ["if", "if"], 1),
        (inside_a_lambda, ["ternary"], 1),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_kinds(forward, kinds: list[str], n_conditionals: int) -> None:
    """Each read is told by what took its value, and only branches are conditionals."""
    traced = run(forward)
    assert [one.kind for one in uses(traced)] == kinds
    assert len(conditionals(traced)) == n_conditionals


@pytest.mark.parametrize(
    ("forward", "taken"),
    [(compared_number, "then"), (equal_tensors, "else"), (asked_torch, "then"), (chained, "else")],
)
def test_arm_that_a_number_leads_to(forward, taken: str) -> None:
    """The arm is told by the values, or by the Ops where Python went on computing with them."""
    (found,) = conditionals(run(forward))
    assert found.taken == taken


def test_place_and_text() -> None:
    """A use names the line and the source of the test, or of the value that was kept."""
    (test,) = uses(run(asserted))
    first = asserted.__code__.co_firstlineno
    assert (test.line, test.text) == (first + 1, "x.sum() > 0")
    (kept,) = uses(run(stored))
    assert kept.text == "bool(x.sum() > 0)"


def test_without_source() -> None:
    """Where there is no source the use is unknown."""
    space: dict = {}
    exec("def forward(x):\n    return x if x.sum() > 0 else -x\n", space)
    (found,) = uses(run(space["forward"]))
    assert (found.kind, found.line, found.text) == ("unknown", 2, "")
