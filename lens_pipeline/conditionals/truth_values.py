"""How a test came out, as far as the values that were read say.

A test is operands under `and`, `or` and `not`. An operand that was evaluated proves that those
before it let it through; one of which nothing is known leaves the test undecided.
"""

from __future__ import annotations

import ast
import itertools
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.syntax import operands

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from lens_pipeline.conditionals.truth_tests import Use
    from lens_pipeline.tracer.records import HostRead

_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True, slots=True)
class ConditionRead:
    """A host read in a test."""

    read: HostRead
    use: Use
    # which arm the test opens, counted from 0
    arm: int
    # the operand that was read; None where it may be several
    operand: ast.expr | None


def truth(test: ast.expr, tested: Sequence[ConditionRead]) -> bool | None:
    """Return how a test came out in which `tested` was read; None where that cannot be told."""
    known: dict[ast.expr, bool | None] = {}
    for one in tested:
        if one.operand is not None and one.operand not in known:
            reads = [other for other in tested if other.operand is one.operand]
            known[one.operand] = _operand_value(one.operand, reads)
    loose = [bool(one.read.value) for one in tested if one.operand is None]
    free = [operand for operand in operands(test) if operand not in known]
    # Reads come in the order of the operands; every way to assign them has to agree.
    answers = {
        _evaluate(test, {**known, **dict(zip(chosen, loose, strict=True))})
        for chosen in itertools.combinations(free, len(loose))
    }
    return answers.pop() if len(answers) == 1 else None


def _evaluate(test: ast.expr, known: Mapping[ast.expr, bool | None]) -> bool | None:
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        inner = _evaluate(test.operand, known)
        return None if inner is None else not inner
    if not isinstance(test, ast.BoolOp):
        return known.get(test)
    decisive = isinstance(test.op, ast.Or)
    evaluated = [any(operand in known for operand in operands(part)) for part in test.values]
    for number, part in enumerate(test.values):
        if any(evaluated[number + 1 :]):
            continue
        value = _evaluate(part, known)
        if value is None or value is decisive:
            return value
    return not decisive


def _operand_value(operand: ast.expr, reads: Sequence[ConditionRead]) -> bool | None:
    first = reads[0]
    if not all(one.use.plain and isinstance(one.read.value, bool | int | float) for one in reads):
        return None
    if isinstance(operand, ast.NamedExpr):
        operand = operand.value
    if first.use.many:
        return _chain_value(operand, [bool(one.read.value) for one in reads])
    if first.use.node is operand or not isinstance(first.use.node, ast.expr):
        return bool(first.read.value)
    if isinstance(first.use.node, ast.BoolOp | ast.IfExp | ast.NamedExpr):
        return bool(first.read.value)
    if isinstance(operand, ast.Compare) and _value(operand.left) is first.use.node:
        return _compared(operand, first.read.value)
    return None


def _chain_value(operand: ast.expr, values: list[bool]) -> bool | None:
    """Return the value of `a < b < c`, of which each comparison was read."""
    if not isinstance(operand, ast.Compare) or len(operand.ops) == 1:
        return None
    if not all(values):
        return False
    return True if len(values) == len(operand.ops) else None


def _compared(operand: ast.Compare, value: Any) -> bool | None:
    """Return the value of a comparison of what was read with a number in the source."""
    compare = _COMPARISONS.get(type(operand.ops[0]))
    try:
        number = ast.literal_eval(operand.comparators[0])
    except ValueError:
        return None
    if compare is None or not isinstance(number, bool | int | float):
        return None
    return compare(value, number)


def _value(node: ast.expr) -> ast.expr:
    return node.value if isinstance(node, ast.NamedExpr) else node
