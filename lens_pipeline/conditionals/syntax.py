"""The syntax tree around an instruction.

An instruction knows the stretch of source that it was compiled from; its file is read and parsed
once. Columns count UTF-8 bytes, both in the tree and in the code.
"""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import CodeType

# letters of a test that are shown
_LONGEST = 100
# (line from 1, column) of the first character and after the last one
Span = tuple[tuple[int, int], tuple[int, int]]


@dataclass(slots=True)
class File:
    """A parsed source file."""

    module: ast.AST
    parents: dict[ast.AST, ast.AST] = field(default_factory=dict)
    # functions and classes by name and first line, decorators counted
    scopes: dict[tuple[str, int], ast.AST] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arm:
    """A branch of an `if` or a ternary."""

    # "then", "elif 1", ... or "else"
    name: str
    # the test that opens it; None for "else"
    test: ast.expr | None
    # where it stands; None for an "else" that is not written
    body: Span | None


class Sources:
    """Source files, each read and parsed once."""

    def __init__(self) -> None:
        self._files: dict[str, File | None] = {}
        self._spans: dict[int, list[Span | None]] = {}

    def file(self, code: CodeType) -> File | None:
        """Return the parsed file of a code object; None where there is none."""
        name = code.co_filename
        if name not in self._files:
            self._files[name] = _parsed(linecache.getlines(name))
        return self._files[name]

    def span(self, code: CodeType, offset: int) -> Span | None:
        """Return the stretch of source of an instruction; None where it is not known."""
        spans = self._spans.get(id(code))
        if spans is None:
            spans = self._spans[id(code)] = [_span(*place) for place in code.co_positions()]
        return spans[offset >> 1]

    def node(self, code: CodeType, offset: int) -> ast.AST | None:
        """Return the innermost statement or expression that an instruction belongs to.

        None where there is no source or where the file is not what the code was compiled from.
        """
        file, span = self.file(code), self.span(code, offset)
        if file is None or span is None:
            return None
        node: ast.AST | None = file.module
        if not code.co_name.startswith("<"):
            node = file.scopes.get((code.co_name, code.co_firstlineno))
        inner = node
        while inner is not None:
            node = inner
            inner = next((child for child in _located(node) if within(span, span_of(child))), None)
        return None if isinstance(node, ast.mod) else node


def span_of(node: Any) -> Span:
    """Return where a node stands."""
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def within(inner: Span, outer: Span) -> bool:
    """Whether one stretch of source lies in another."""
    return outer[0] <= inner[0] and inner[1] <= outer[1]


def text_of(node: ast.AST) -> str:
    """Return the source of a node on one line, without its comments, cut where it is long."""
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def operands(test: ast.expr) -> list[ast.expr]:
    """Return what `and`, `or` and `not` connect in a test, in the order of evaluation."""
    if isinstance(test, ast.BoolOp):
        return [operand for value in test.values for operand in operands(value)]
    if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
        return operands(test.operand)
    return [test]


def arms(head: Any) -> list[Arm]:
    """Return the arms of an `if` or a ternary, the last of which is "else"."""
    if isinstance(head, ast.IfExp):
        then, otherwise = span_of(head.body), span_of(head.orelse)
        return [Arm("then", head.test, then), Arm("else", None, otherwise)]
    found: list[Arm] = []
    name = "then"
    while True:
        found.append(Arm(name, head.test, _block(head.body)))
        rest = head.orelse
        if not _holds_elif(head):
            return [*found, Arm("else", None, _block(rest) if rest else None)]
        head, name = rest[0], f"elif {len(found)}"


def is_elif(file: File, node: ast.AST) -> bool:
    """Whether a node is an `if` that is written `elif`."""
    parent = file.parents.get(node)
    return isinstance(parent, ast.If) and parent.orelse == [node] and _holds_elif(parent)


def head_of(file: File, node: Any) -> Any:
    """Return the `if` that an `elif` belongs to; any other node is its own head."""
    while is_elif(file, node):
        node = file.parents[node]
    return node


def _holds_elif(head: ast.If) -> bool:
    """Whether the else block is an `if` in the column of its head, which is how `elif` parses."""
    rest = head.orelse
    is_if = len(rest) == 1 and isinstance(rest[0], ast.If)
    return is_if and rest[0].col_offset == head.col_offset


def _parsed(lines: list[str]) -> File | None:
    if not lines:
        return None
    try:
        module = ast.parse("".join(lines))
    except (SyntaxError, ValueError):
        return None
    file = File(module)
    for node in ast.walk(module):
        for child in ast.iter_child_nodes(node):
            file.parents[child] = node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            first = min(part.lineno for part in (node, *node.decorator_list))
            file.scopes[node.name, first] = node
    return file


def _span(
    line: int | None, end_line: int | None, column: int | None, end_column: int | None
) -> Span | None:
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return (line, column), (end_line, end_column)


def _located(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nearest nodes inside that have a place of their own."""
    for child in ast.iter_child_nodes(node):
        if hasattr(child, "lineno"):
            yield child
            # A decorator stands before what it decorates.
            yield from getattr(child, "decorator_list", ())
        else:
            yield from _located(child)


def _block(statements: list[ast.stmt]) -> Span:
    return span_of(statements[0])[0], span_of(statements[-1])[1]
