"""How a test came out, against Python evaluating it."""

from __future__ import annotations

import ast
import itertools
from types import SimpleNamespace

import pytest

from lens_pipeline.conditionals.syntax import operands
from lens_pipeline.conditionals.truth_tests import Use
from lens_pipeline.conditionals.truth_values import ConditionRead, truth

TESTS = [
    "a",
    "not a",
    "a and b",
    "a or b",
    "not a and b",
    "a or not b",
    "not (a and b)",
    "a and b or c",
    "a and (b or c)",
    "(a or b) and not c",
    "not (a or b and c) or d",
    "a and b and (c or not d)",
]


class Flag:
    """A truth value that writes down when it is asked."""

    def __init__(self, name: str, answer: bool, asked: list[tuple[str, bool]]) -> None:  # noqa: FBT001
        self.name, self.answer, self.asked = name, answer, asked

    def __bool__(self) -> bool:
        self.asked.append((self.name, self.answer))
        return self.answer


def evaluated(text: str, answers: tuple[bool, ...]) -> tuple[bool, list[tuple[str, bool]]]:
    """What Python makes of a test, and the reads on the way."""
    asked: list[tuple[str, bool]] = []
    names = zip("abcd", answers, strict=True)
    space = {name: Flag(name, answer, asked) for name, answer in names}
    return bool(eval(f"True if {text} else False", space)), asked


def as_read(test: ast.expr, operand: ast.expr | None, answer: bool) -> ConditionRead:  # noqa: FBT001
    """One read of an operand, known or not."""
    use = Use("if", 0, 1, "", test=test, node=operand)
    return ConditionRead(SimpleNamespace(value=answer), use, 0, operand)


def parsed(text: str) -> tuple[ast.expr, dict[str, ast.expr]]:
    test = ast.parse(text, mode="eval").body
    return test, {operand.id: operand for operand in operands(test)}


@pytest.mark.parametrize("text", TESTS)
def test_known_operands_decide(text: str) -> None:
    """Where it is known which operand each read was of, the answer is Python's."""
    test, by_name = parsed(text)
    for answers in itertools.product([False, True], repeat=4):
        expected, asked = evaluated(text, answers)
        reads = [as_read(test, by_name[name], answer) for name, answer in asked]
        assert truth(test, reads) is expected, (text, answers)


@pytest.mark.parametrize("text", TESTS)
def test_unknown_operands_never_mislead(text: str) -> None:
    """Where it is not known, also since some are no tensors, the answer is Python's or none."""
    test, by_name = parsed(text)
    told = 0
    for answers in itertools.product([False, True], repeat=4):
        expected, asked = evaluated(text, answers)
        assert truth(test, [as_read(test, None, answer) for _, answer in asked]) in (None, expected)
        for seen in itertools.product([False, True], repeat=len(by_name)):
            tensors = {name for name, is_tensor in zip(by_name, seen, strict=True) if is_tensor}
            reads = [(name, answer) for name, answer in asked if name in tensors]
            if reads:
                located = [as_read(test, by_name[name], answer) for name, answer in reads]
                loose = [as_read(test, None, answer) for _, answer in reads]
                answers_given = {truth(test, located), truth(test, loose)}
                assert answers_given <= {None, expected}, (text, answers, tensors)
                told += expected in answers_given
    assert told


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("x > 3", 4, True),
        ("x > 3", 2.5, False),
        ("x <= -0.5", -1.0, True),
        ("x == 1", 1, True),
        ("x != 1", 1, False),
        ("(y := x) >= 2", 2, True),
        ("x > limit", 4, None),
        ("x * 2 > 3", 4, None),
        ("x in (1, 2)", 1, None),
        ("3 > x", 4, None),
        ("x is True", True, None),
    ],
)
def test_number_compared_in_the_source(text: str, value: float, expected: bool | None) -> None:  # noqa: FBT001
    """A number is compared with what is written in the source, and with nothing else."""
    test = ast.parse(text, mode="eval").body
    read = next(node for node in ast.walk(test) if isinstance(node, ast.Name) and node.id == "x")
    use = Use("if", 0, 1, text, test=test, node=read)
    assert truth(test, [ConditionRead(SimpleNamespace(value=value), use, 0, test)]) is expected
