"""Where a forward pass branched by the contents of tensors: what decided, and what was taken.

An edge is marked where it leads from outside into a test (IF, WHILE) or into the arm that was
taken (THEN, ELIF 1, ELSE); the Op whose truth value Python asked for says what the test was.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lens_pipeline.conditionals.branching import conditionals, uses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lens_pipeline.columns import Overview

_LONGEST = 48
# what takes a truth value -> what is written on the edges that lead into it
_TESTS = {"while": "WHILE", "assert": "ASSERT"}


@dataclass(slots=True)
class Branches:
    """What is marked, by the index of the Op."""

    # Ops whose truth value Python asked for, with the text of the tests that did
    tests: dict[int, list[str]] = field(default_factory=dict)
    # the tests that an Op takes part in: (number of the test, "IF", "WHILE" or "ASSERT")
    deciding: dict[int, set[tuple[int, str]]] = field(default_factory=dict)
    # the arms in which an Op ran: (number of the conditional, "THEN", ...)
    arms: dict[int, set[tuple[int, str]]] = field(default_factory=dict)


def branches(o: Overview) -> Branches:
    """Return what is to be marked; nothing where Python read no contents of a tensor."""
    found = Branches()
    if not o.trace.host_reads:
        return found
    _mark_conditionals(o, found)
    _mark_other_tests(o, found)
    return found


def marks(found: Branches, parent: int, child: int) -> list[str]:
    """Return what the edge between two Ops is marked with."""
    none: set[tuple[int, str]] = set()
    arms = found.arms.get(child, none) - found.arms.get(parent, none)
    tests = found.deciding.get(child, none) - found.deciding.get(parent, none)
    return [word for _, word in (*sorted(arms), *sorted(tests))]


def _mark_conditionals(o: Overview, found: Branches) -> None:
    for one in conditionals(o.trace):
        for op in one.deciding:
            found.deciding.setdefault(op, set()).add((one.index, "IF"))
        for op in one.ops:
            found.arms.setdefault(op, set()).add((one.index, str(one.taken).upper()))
        for test in one.tests:
            opened = test.arm == one.taken
            word = "elif" if test.arm.startswith("elif") else "if"
            answer = "yes" if opened else "no"
            _say(o, found, test.reads, f"{word} {_short(test.text)}: {answer}")


def _mark_other_tests(o: Overview, found: Branches) -> None:
    for read, use in zip(o.trace.host_reads, uses(o.trace), strict=True):
        if read.name != "__bool__":
            continue
        if use.kind in _TESTS:
            _say(o, found, [read.index], f"{use.kind} {_short(use.text)}")
            for op in _only_for(o, read.ops):
                found.deciding.setdefault(op, set()).add((-1, _TESTS[use.kind]))
        for op in read.ops:
            found.tests.setdefault(op, [])


def _say(o: Overview, found: Branches, reads: Iterable[int], text: str) -> None:
    for read in reads:
        for op in o.trace.host_reads[read].ops:
            found.tests.setdefault(op, []).append(text)


def _only_for(o: Overview, ops: Iterable[int]) -> set[int]:
    """Return Ops and, back along parents, those that are read for nothing else."""
    found = set(ops)
    waiting = list(found)
    while waiting:
        for parent in o.parents[waiting.pop()]:
            alone = all(child in found for child in o.children[parent])
            if parent not in found and alone and o.trace.ops[parent].kind == "call":
                found.add(parent)
                waiting.append(parent)
    return found


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
