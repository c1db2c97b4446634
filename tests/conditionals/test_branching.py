"""Conditionals of a trace: which test, which arm, which Ops in it, for tiny models below."""

from __future__ import annotations

import linecache

import pytest
import torch
from torch import Tensor, nn

from lens_pipeline import trace
from lens_pipeline.conditionals.branching import Conditional, arm_of, conditionals, decides
from lens_pipeline.tracer.run import ForwardError

UP, DOWN = torch.ones(2), -torch.ones(2)


def run(forward, *inputs: Tensor):
    """Trace a function as the forward of a model."""
    model = type("Model", (nn.Module,), {"forward": lambda _, *args: forward(*args)})()
    return trace(model, inputs)


def ran(traced, conditional: Conditional) -> list[str]:
    """Names of the Ops in the arm that was taken."""
    return [traced.ops[op].name for op in conditional.ops]


def only(traced) -> Conditional:
    """The one conditional of a trace."""
    (conditional,) = conditionals(traced)
    return conditional


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


def test_ops_that_decide() -> None:
    """What was read decides, and back from it what feeds no output; the input does not."""
    traced = run(chain, UP)
    names = [op.name for op, flag in zip(traced.ops, decides(traced), strict=True) if flag]
    assert names == ["sum", "gt", "sum", "gt"]


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
    found = {op.name: arms for op, arms in zip(traced.ops, arm_of(traced), strict=True)}
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
    stacks = {op.name: arms for op, arms in zip(traced.ops, arm_of(traced), strict=True)}
    assert stacks["sin"] == ((0, "else"), (1, "then"))
    assert stacks["cos"] == ((0, "else"), (1, "then"), (2, "then"))
    assert stacks["exp"] == ()


def test_forward_pass_that_fails() -> None:
    """The partial trace of a failure has its conditionals."""

    def forward(x: Tensor) -> Tensor:
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
