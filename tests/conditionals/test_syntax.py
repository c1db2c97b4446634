"""The syntax tree around an instruction."""

from __future__ import annotations

import ast
from pathlib import Path

from lens_pipeline.conditionals.syntax import Sources, arms, head_of, is_elif, text_of


def sample(x: int) -> str:
    if x == 0:
        return "zero"
    elif x == 1:  # noqa: RET505
        return "one"
    else:  # noqa: PLR5501
        if x == 2:
            return "é" + "two" * len("""
            """)
    return ""


def decorated(change):
    return lambda function: change(function) or function


@decorated(lambda function: setattr(function, "marked", True))
def under_a_decorator(x: int) -> int:
    return x


def instructions(code) -> list[int]:
    return [2 * number for number, _ in enumerate(code.co_positions())]


def test_nodes_agree_with_the_source() -> None:
    """Each instruction is found in the tree, at the source that the tree itself gives."""
    sources = Sources()
    text = Path(__file__).read_text(encoding="utf-8")
    codes = [sample.__code__, decorated.__code__, under_a_decorator.__code__]
    for code in codes:
        for offset in instructions(code)[1:]:
            node = sources.node(code, offset)
            segment = ast.get_source_segment(text, node) if isinstance(node, ast.expr) else None
            if segment and "\n" not in segment:
                assert _dump(text_of(node)) == _dump(segment)


def _dump(text: str) -> str:
    return ast.dump(ast.parse(text, mode="eval"))


def test_a_test_is_one_short_line() -> None:
    """Without the comments between its lines, and cut."""
    long = ast.parse("(a  # what for\n or b)", mode="eval").body
    assert text_of(long) == "a or b"
    assert text_of(ast.parse("+".join("x" * 99), mode="eval").body) == f"{'x + ' * 25}..."


def test_elif_is_told_from_else_if() -> None:
    """`elif` is an arm of its chain; an `if` alone in an else is a statement of its own."""
    sources = Sources()
    file = sources.file(sample.__code__)
    first, second, third = (
        node for node in ast.walk(file.scopes[scope(sample)]) if isinstance(node, ast.If)
    )
    assert [is_elif(file, node) for node in (first, second, third)] == [False, True, False]
    assert head_of(file, second) is first
    assert [arm.name for arm in arms(first)] == ["then", "elif 1", "else"]
    assert [(arm.name, arm.body is None) for arm in arms(third)] == [
        ("then", False),
        ("else", True),
    ]


def scope(function) -> tuple[str, int]:
    return function.__name__, function.__code__.co_firstlineno


def test_file_that_is_not_the_source() -> None:
    """Nothing is found for code that was not compiled from its file, or from no file."""
    for name in (__file__, "<nothing>", ""):
        space: dict = {}
        exec(compile("def sample(x):\n    return x + 1\n", name, "exec"), space)
        code = space["sample"].__code__
        assert all(Sources().node(code, offset) is None for offset in instructions(code))
