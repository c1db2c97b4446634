"""Which construct of the source took a value that left a tensor for Python.

A value is followed outwards through expressions and through `return` into the caller's expression,
until something tests it or keeps it. What is stored in a name or an attribute and tested later
cannot be followed.

Python 3.11 gives the jump of `if a and b:` the stretch of the whole statement where an operand is a
bare name or a call, that of `x if a else y` the whole ternary; later versions give the operand.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.syntax import File, Sources, is_elif, text_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

# built-in functions that may test one tensor after another in a single call
_MANY = frozenset({"any", "all", "max", "min", "sorted", "filter", "map", "list", "tuple", "sum"})
_MANY_METHODS = frozenset({"index", "count", "remove", "sort"})
_OWN_CODE = frozenset({"<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>"})
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_TESTS: dict[type[ast.AST], str] = {
    ast.If: "if",
    ast.IfExp: "ternary",
    ast.While: "while",
    ast.Assert: "assert",
    ast.match_case: "match",
}


@dataclass(frozen=True, slots=True)
class Use:
    """What took a value."""

    # "if", "elif", "ternary", "while", "assert", "comprehension", "match"; "bool" for a truth value
    # and "value" for anything else that is kept or computed with; "unknown" without source
    kind: str
    # which frame holds it, counted from the innermost
    frame: int
    # line of the test or of the value, 0 where not known, and its source text on one line
    line: int
    text: str
    # the statement or expression that tests, and what it tests; None for the last three kinds
    holder: Any = None
    test: ast.expr | None = None
    # what has the value in that frame; the holder where only that is known
    node: ast.AST | None = None
    # the value of `node` is the very value that was read
    plain: bool = True
    # several values may have been read in one evaluation of `node`
    many: bool = False


def use(sources: Sources, frames: Sequence[tuple[CodeType, int]], *, truth: bool) -> Use:
    """Return what took a value, a truth value or another, that was read in the first of `frames`.

    `frames` are code objects and instruction offsets, innermost first.
    """
    value = _Value()
    kept: Use | None = None
    for number, (code, offset) in enumerate(frames):
        file, node = sources.file(code), sources.node(code, offset)
        if file is None or node is None:
            span = sources.span(code, offset)
            return kept or Use("unknown", number, span[0][0] if span else 0, "")
        kept = kept or Use("bool" if truth else "value", number, *_place(node))
        value.many |= _reads_many(node)
        test = value.climb(file, node, own_code=code.co_name in _OWN_CODE)
        if test is not None:
            holder = node if isinstance(node, ast.stmt | ast.IfExp) else file.parents[test]
            kind = "elif" if is_elif(file, holder) else _TESTS.get(type(holder), "comprehension")
            place = _place(test)
            return Use(kind, number, *place, holder, test, node, value.plain, value.many)
        if not value.returned:
            break
    return kept or Use("unknown", 0, 0, "")


@dataclass(slots=True)
class _Value:
    """A value on its way outwards."""

    plain: bool = True
    many: bool = False
    returned: bool = False

    def climb(self, file: File, node: ast.AST, *, own_code: bool) -> ast.expr | None:
        """Follow the value to what tests it in this frame and return the test.

        None where it is kept or, noted in `returned`, given to the caller.
        """
        self.returned = False
        if isinstance(node, ast.stmt | ast.IfExp) or (
            own_code and isinstance(node, _COMPREHENSIONS)
        ):
            return _own_test(node)
        child, parent = node, file.parents[node]
        while (test := _test_of(parent, child)) is None and not _is_end(parent):
            if isinstance(parent, _COMPREHENSIONS):
                self.many, self.plain = True, False
                if own_code or isinstance(parent, ast.GeneratorExp):
                    break
            child, parent = parent, file.parents[parent]
        if test is None and isinstance(parent, ast.Return | ast.Lambda | _COMPREHENSIONS):
            self.returned, self.plain = True, self.plain and child is node
        return test


def _place(node: Any) -> tuple[int, str]:
    return node.lineno, text_of(node)


def _own_test(node: ast.AST) -> ast.expr | None:
    """Return what a statement, ternary or comprehension tests."""
    if isinstance(node, ast.If | ast.While | ast.Assert | ast.IfExp):
        return node.test
    if isinstance(node, _COMPREHENSIONS):
        return next((test for part in node.generators for test in part.ifs), None)
    return None


def _test_of(parent: ast.AST, child: ast.AST) -> ast.expr | None:
    """Return what `parent` tests if that is `child`."""
    if isinstance(parent, ast.If | ast.While | ast.Assert | ast.IfExp):
        return parent.test if parent.test is child else None
    if isinstance(parent, ast.comprehension):
        return next((test for test in parent.ifs if test is child), None)
    if isinstance(parent, ast.match_case) and (child is parent.guard or child is parent.pattern):
        return parent.guard
    return None


def _is_end(node: ast.AST) -> bool:
    """Whether a value goes no further than this node inside its function."""
    ends = ast.stmt | ast.Lambda | ast.comprehension | ast.Yield | ast.YieldFrom
    return isinstance(node, ends)


def _reads_many(node: ast.AST) -> bool:
    if isinstance(node, ast.Compare):
        return len(node.ops) > 1 or isinstance(node.ops[0], ast.In | ast.NotIn)
    if not isinstance(node, ast.Call):
        return False
    if isinstance(node.func, ast.Name):
        return node.func.id in _MANY
    return isinstance(node.func, ast.Attribute) and node.func.attr in _MANY_METHODS
