"""Conditionals of a trace: which arm, which Ops in it, what is around it."""

from __future__ import annotations

import linecache

import pytest
import torch
from torch import Tensor

from lens_pipeline.conditionals.branching import arm_of, conditionals, decided
from lens_pipeline.tracer.run import ForwardError
from tests.conditionals.tiny import DOWN, UP, only, ran, run


def chain(x: Tensor) -> Tensor:
    if x.sum() > 10:
        y = x.sin()
    elif x.sum() > 0:
        y = x.cos()
    elif x.mean() < -5:
        y = x.tan()
    else:
        y = x.exp()
    return y + 1


@pytest.mark.parametrize(
    ("x", "taken", "op", "arms"),
    [
        (9 * UP, "then", "sin", ["then"]),
        (UP, "elif 1", "cos", ["then", "elif 1"]),
        (9 * DOWN, "elif 2", "tan", ["then", "elif 1", "elif 2"]),
        (DOWN, "else", "exp", ["then", "elif 1", "elif 2"]),
    ],
)
def test_each_arm_of_a_chain(x: Tensor, taken: str, op: str, arms: list[str]) -> None:
    """A chain is one conditional; it names the arm, the Ops in it and the tests that were made."""
    traced = run(chain, x)
    found = only(traced)
    first = chain.__code__.co_firstlineno
    assert (found.kind, found.taken, ran(traced, found)) == ("if", taken, [op])
    assert (found.file, found.line, found.function) == (__file__, first + 1, "chain")
    assert [test.arm for test in found.tests] == arms
    assert [test.reads for test in found.tests] == [(n,) for n in range(len(arms))]
    assert found.tests[0].text == "x.sum() > 10"
    assert found.tests[-1].line == first + 2 * len(arms) - 1


@pytest.mark.parametrize(("x", "taken"), [(UP, "then"), (9 * UP, "else"), (9 * DOWN, "else")])
def test_a_chain_of_comparisons_tells_its_arm(x: Tensor, taken: str) -> None:
    """Also where no Op runs in the arm: all of them have to hold, and the first may suffice."""

    def forward(x: Tensor) -> Tensor:
        scale = 1
        if -10 < x.sum() < 10:
            scale = 2
        return x * scale

    assert only(run(forward, x)).taken == taken


def test_places_with_how_often_each_arm_was_taken() -> None:
    """One line for all evaluations at one place."""

    def forward(x: Tensor) -> Tensor:
        for _ in range(3):
            if x.sum() > 1:
                x = x - 1
        return x

    line = forward.__code__.co_firstlineno + 2
    assert decided(conditionals(run(forward, 2 * UP))) == [
        f"test_branching.py:{line} if x.sum() > 1: then 2 times, else"
    ]


def test_ops_that_decide() -> None:
    """What was read decides, and back from it what feeds no output; the input does not."""
    traced = run(chain, UP)
    assert [traced.ops[op].name for op in only(traced).deciding] == ["sum", "gt", "sum", "gt"]


def test_op_that_decides_and_leads_nowhere_else_decides() -> None:
    """In a pass that has an output, what nothing read is none."""

    def forward(x: Tensor) -> Tensor:
        part = x.abs()
        part.sin()
        return x if part.sum() > 0 else -x

    traced = run(forward, UP)
    assert [traced.ops[op].name for op in only(traced).deciding] == ["abs", "sum", "gt"]


def test_op_that_decides_and_feeds_the_output() -> None:
    """An Op that was read decides even if the output is computed from it; what it read does not."""

    def forward(x: Tensor) -> Tensor:
        gate = x.abs().sum()
        return x * gate if gate else x

    traced = run(forward, UP)
    assert [traced.ops[op].name for op in only(traced).deciding] == ["sum"]
    assert only(traced).taken == "then"


def test_arm_of_every_op() -> None:
    """Each Op knows the arms around it; most have none."""
    traced = run(chain, UP)
    around = arm_of(traced, conditionals(traced))
    found = {op.name: arms for op, arms in zip(traced.ops, around, strict=True)}
    assert found == {**dict.fromkeys(found, ()), "cos": ((0, "elif 1"),)}


@pytest.mark.parametrize(("x", "taken", "op"), [(UP, "then", "sin"), (DOWN, "else", "cos")])
def test_ternary_on_one_line(x: Tensor, taken: str, op: str) -> None:
    """Columns, in bytes, tell the arms of a ternary apart, and it from its neighbours."""

    def forward(x: Tensor) -> Tensor:
        return x.exp() + len("é") * (x.sin() if x.sum() > 0 else x.cos()) + x.tan()

    traced = run(forward, x)
    found = only(traced)
    assert (found.kind, found.taken, ran(traced, found)) == ("ternary", taken, [op])
    assert found.tests[0].text == "x.sum() > 0"


def test_ternaries_in_each_other() -> None:
    """A ternary in an arm of another is enclosed by it."""

    def forward(x: Tensor) -> Tensor:
        return x.sin() if x.sum() > 0 else (x.cos() if x.min() > -2 else x.tan())

    traced = run(forward, DOWN)
    outer, inner = conditionals(traced)
    assert (outer.taken, ran(traced, outer)) == ("else", ["min", "gt", "cos"])
    assert (inner.taken, ran(traced, inner)) == ("then", ["cos"])
    assert (outer.enclosing, inner.enclosing) == (None, (0, "else"))


def test_arm_that_calls_a_helper() -> None:
    """What a function does that is called in an arm is in the arm."""

    def forward(x: Tensor) -> Tensor:
        if x.sum() > 0:  # noqa: SIM108
            y = chain(x)
        else:
            y = x
        return y.tanh()

    traced = run(forward, UP)
    outer, inner = conditionals(traced)
    assert ran(traced, outer) == ["sum", "gt", "sum", "gt", "cos", "add"]
    assert (inner.enclosing, inner.taken) == ((0, "then"), "elif 1")


def test_nested() -> None:
    """Arms are nested, outermost first, also an `if` that is alone in an else."""

    def forward(x: Tensor) -> Tensor:
        if x.sum() > 0:
            return x
        else:  # noqa: RET505, PLR5501
            if x.min() > -2:
                y = x.sin()
                if x.max() < 0:
                    y = y.cos()
        return y.exp()

    traced = run(forward, DOWN)
    found = conditionals(traced)
    assert [one.taken for one in found] == ["else", "then", "then"]
    assert [one.enclosing for one in found] == [None, (0, "else"), (1, "then")]
    stacks = {op.name: arms for op, arms in zip(traced.ops, arm_of(traced, found), strict=True)}
    assert stacks["sin"] == ((0, "else"), (1, "then"))
    assert stacks["cos"] == ((0, "else"), (1, "then"), (2, "then"))
    assert stacks["exp"] == ()


def test_forward_pass_that_fails() -> None:
    """The partial trace of a failure has its conditionals; what nothing read feeds it."""

    def forward(x: Tensor) -> Tensor:
        x = x.abs()
        if x.sum() > 0:
            x = x.sin()
            x = x @ torch.ones(7)
        return x

    with pytest.raises(ForwardError) as failure:
        run(forward, UP)
    traced = failure.value.partial
    found = only(traced)
    assert found.taken == "then"
    assert [traced.ops[op].name for op in found.deciding] == ["sum", "gt"]


def test_source_without_a_file() -> None:
    """Code that has no source, or another source than its file shows, has no conditionals."""
    source = "def forward(x):\n    if x.sum() > 0:\n        x = x.sin()\n    return x\n"
    for name in ("<made up>", __file__):
        space: dict = {}
        exec(compile(source, name, "exec"), space)
        assert conditionals(run(space["forward"], UP)) == ()
    linecache.cache["<made up>"] = (len(source), None, source.splitlines(keepends=True), "")
    space = {}
    exec(compile(source, "<made up>", "exec"), space)
    assert only(run(space["forward"], UP)).taken == "then"
    del linecache.cache["<made up>"]


def test_what_feeds_the_output_does_not_decide() -> None:
    """Going back from what was read ends at an Op that an output is computed from."""

    def forward(x: Tensor) -> Tensor:
        y = x.exp()
        return y.sin() if y.abs().sum() > 0 else y

    traced = run(forward, UP)
    assert [traced.ops[op].name for op in only(traced).deciding] == ["abs", "sum", "gt"]
