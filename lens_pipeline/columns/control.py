"""What the columns say of branches: what decided each, and in which arm the Ops ran.

Nothing is looked for where Python read no contents of a tensor.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.columns import ops
from lens_pipeline.columns.column import Column, registry
from lens_pipeline.conditionals.branching import (
    Conditional,
    arm_of,
    conditionals,
    place,
    uses,
)

if TYPE_CHECKING:
    from lens_pipeline.columns.overview import Overview
    from lens_pipeline.tracer.records import HostRead, Op
    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True, slots=True)
class Control:
    """The branches of a forward pass."""

    # in the order of evaluation
    conditionals: tuple[Conditional, ...]
    # for each Op that ran in an arm, (index of the conditional, arm), outermost first
    arms: dict[int, tuple[tuple[int, str], ...]]
    # for each Op that takes part in deciding, the conditionals
    decided_by: dict[int, list[Conditional]]
    # what took each host read: "if", "while", "assert", ...
    uses: tuple[str, ...]


def control(trace: Trace) -> Control:
    """Return the branches of a forward pass."""
    if not trace.host_reads:
        return Control((), {}, {}, ())
    found = conditionals(trace)
    decided_by: dict[int, list[Conditional]] = {}
    for one in found:
        for op in one.deciding:
            decided_by.setdefault(op, []).append(one)
    arms = {op: stack for op, stack in enumerate(arm_of(trace, found)) if stack}
    return Control(found, arms, decided_by, tuple(use.kind for use in uses(trace)))


def decides(o: Overview, op: Op) -> list[str]:
    """Return the branches that an Op takes part in deciding, each place once."""
    return list(dict.fromkeys(map(place, o.control.decided_by.get(op.index, ()))))


def arms(o: Overview, op: Op) -> list[str]:
    """Return the arms an Op ran in as `file:line arm`, outermost first."""
    stack = o.control.arms.get(op.index, ())
    return [f"{place(o.control.conditionals[index])} {arm}" for index, arm in stack]


def arm(o: Overview, op: Op) -> str | None:
    """Return the innermost arm an Op ran in."""
    stack = o.control.arms.get(op.index)
    return stack[-1][1] if stack else None


def arm_place(o: Overview, op: Op) -> str | None:
    """Return the place of the conditional of the innermost arm an Op ran in."""
    stack = o.control.arms.get(op.index)
    return place(o.control.conditionals[stack[-1][0]]) if stack else None


def read_for(o: Overview, op: Op) -> list[str]:
    """Return what took the contents that Python read, as the host reads of an Op are listed."""
    reads: list[HostRead] = o.host_reads.get(op.index, [])
    return [o.control.uses[read.index] for read in reads]


# fmt: off
CONDITIONAL_COLUMNS: dict[str, Column] = registry(
    Column("index", "int", "", "Position among them, in the order of evaluation.",
           lambda _, one: one.index),
    Column("kind", "str", "", "`if`, with its `elif`s, or `ternary`.", lambda _, one: one.kind),
    Column("place", "str", "", "`file:line`, without the folder.", lambda _, one: place(one)),
    Column("file", "str", "", "Source file.", lambda _, one: one.file),
    Column("line", "int", "", "Its line, from 1.", lambda _, one: one.line),
    Column("source_function", "str", "", "Qualified name of the function it stands in.",
           lambda _, one: one.function),
    Column("tests", "list[str]", "", "The tests in which a tensor was read, as evaluated.",
           lambda _, one: [test.text for test in one.tests]),
    Column("test_arms", "list[str]", "", "The arm that each of them opens: `then`, `elif 1`, ...",
           lambda _, one: [test.arm for test in one.tests]),
    Column("deciding", "list[str]", "",
           "Ops that the tests read, and those before them that lead to no output.",
           lambda o, one: ops.labels(o, one.deciding)),
    Column("taken", "str", "",
           "The arm that was taken: `then`, `elif 1`, ... or `else`. Empty where nothing tells.",
           lambda _, one: one.taken),
    Column("ops", "list[str]", "", "Ops that ran in that arm.",
           lambda o, one: ops.labels(o, one.ops)),
    Column("enclosing", "int", "", "Index of the one in whose arm it stands. Empty outside.",
           lambda _, one: None if one.enclosing is None else one.enclosing[0]),
    Column("enclosing_arm", "str", "", "That arm. Empty outside.",
           lambda _, one: None if one.enclosing is None else one.enclosing[1]),
)
# fmt: on
