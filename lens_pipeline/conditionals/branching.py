"""Which `if` and which ternary a forward pass took, by what, and which Ops ran in the arm.

A Conditional is one evaluation of an `if` ... `elif` ... `else`, or of a ternary, in which the
contents of a tensor were read. Its arm follows from the values read where they suffice, else from
the Ops: those that ran next, without a break, at a place of an arm in the same activation.

A condition that was stored (`flag = bool(x.sum() > 0)`, then `if flag:`) is a Python bool when it
is tested and makes no Conditional; nor does one that a helper makes by returning True from its own
`if`, which is the Conditional. What a test reads is a visit of its own as soon as an operand comes
up again or something happened outside the test; visits that read nothing cannot be seen.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.stacks import Stacks
from lens_pipeline.conditionals.syntax import Sources
from lens_pipeline.conditionals.visits import Source, arm_of_visit, find_visits, use_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lens_pipeline.conditionals.truth_tests import Use
    from lens_pipeline.conditionals.visits import Visit
    from lens_pipeline.tracer.records import Op


@dataclass(frozen=True, slots=True)
class Condition:
    """A test of a Conditional, in which tensors were read."""

    # the arm that it opens: "then", "elif 1", ...
    arm: str
    line: int
    # its source on one line
    text: str
    # indices into Trace.host_reads
    reads: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """One evaluation of an `if` or a ternary by the contents of tensors."""

    # position among the conditionals of the trace, in the order of their first reads
    index: int
    # "if" (with its elifs) or "ternary"
    kind: str
    file: str
    # of the `if` or of the ternary
    line: int
    # qualified name of the function
    function: str
    # in the order of evaluation; a test of Python values alone is none of them
    tests: tuple[Condition, ...]
    # Ops that were read, and back along parents those that feed no output of the model
    deciding: tuple[int, ...]
    # "then", "elif k" or "else", written or not; None where neither values nor Ops tell
    taken: str | None
    # Ops that ran in that arm, in order
    ops: tuple[int, ...]
    # index of the innermost Conditional in whose arm this one stands, and that arm
    enclosing: tuple[int, str] | None


def uses(trace: Any) -> tuple[Use, ...]:
    """Return for each host read what took its value: an if, a while, an assert, ..."""
    source = Source(Sources(), Stacks(trace))
    return tuple(use_of(read, source) for read in trace.host_reads)


def conditionals(trace: Any) -> tuple[Conditional, ...]:
    """Return the conditionals of a forward pass in the order of evaluation.

    In a loop each evaluation is one. Code whose source has no file, or that was compiled without
    columns, has none.
    """
    source = Source(Sources(), Stacks(trace))
    visits = find_visits(trace, source)
    feeding = _feeds_output(trace) if visits else []
    op_at = {event: op for op, event in enumerate(source.stacks.of_op)}
    # for each event the arms around it, outermost first
    around: list[list[tuple[int, str]]] = [[] for _ in source.stacks.events]
    found = []
    for index, visit in enumerate(visits):
        taken, members = arm_of_visit(visit, source)
        outside = around[source.stacks.of_read[visit.tested[0].read.index]]
        for event in members:
            around[event].append((index, str(taken)))
        found.append(
            Conditional(
                index=index,
                kind="ternary" if visit.tested[0].use.kind == "ternary" else "if",
                file=visit.activation.code.co_filename,
                line=visit.head.lineno,
                function=visit.activation.code.co_qualname,
                tests=_tests(visit),
                deciding=_deciding(trace, visit, feeding),
                taken=taken,
                ops=tuple(op_at[event] for event in members if event in op_at),
                enclosing=outside[-1] if outside else None,
            )
        )
    return tuple(found)


def place(conditional: Conditional) -> str:
    """Return the file, without its folder, and the line of a conditional, as `model.py:12`."""
    return f"{PurePath(conditional.file).name}:{conditional.line}"


def decided(found: Iterable[Conditional]) -> list[str]:
    """Return a line for each `if` and ternary: its place, its tests, and how often it took which.

    As `model.py:12 if x.sum() > 0: then 2 times, else`.
    """
    taken: dict[tuple[str, int, str], list[Conditional]] = {}
    for one in found:
        taken.setdefault((one.file, one.line, one.kind), []).append(one)
    lines = []
    for (*_, kind), group in taken.items():
        tests = dict.fromkeys(test.text for one in group for test in one.tests)
        counts = Counter(one.taken or "an arm that is not known" for one in group)
        arms = (arm if n == 1 else f"{arm} {n} times" for arm, n in counts.items())
        lines.append(f"{place(group[0])} {kind} {' / '.join(tests)}: {', '.join(arms)}")
    return lines


def arm_of(trace: Any, found: Sequence[Conditional]) -> list[tuple[tuple[int, str], ...]]:
    """Return for each Op the arms it ran in, outermost first: (index of the conditional, arm).

    `found` are the conditionals of the trace.
    """
    arms: list[list[tuple[int, str]]] = [[] for _ in trace.ops]
    for conditional in found:
        for op in conditional.ops:
            arms[op].append((conditional.index, str(conditional.taken)))
    return [tuple(stack) for stack in arms]


def _tests(visit: Visit) -> tuple[Condition, ...]:
    found: dict[int, Condition] = {}
    for one in visit.tested:
        before = found[one.arm].reads if one.arm in found else ()
        name = visit.arms[one.arm].name
        found[one.arm] = Condition(name, one.use.line, one.use.text, (*before, one.read.index))
    return tuple(found.values())


def _deciding(trace: Any, visit: Visit, feeding: list[bool]) -> tuple[int, ...]:
    found = {op for one in visit.tested for op in one.read.ops}
    waiting = [op for op in found if not feeding[op]]
    while waiting:
        for source in _sources(trace, trace.ops[waiting.pop()]):
            if source not in found and not feeding[source] and trace.ops[source].kind != "input":
                found.add(source)
                waiting.append(source)
    return tuple(sorted(found))


def _feeds_output(trace: Any) -> list[bool]:
    """Return for each Op whether an output of the model was computed from it.

    A forward pass that raised has no outputs; what nobody used or read stands for them.
    """
    used = {source for op in trace.ops for source in _sources(trace, op)}
    used |= {op for read in trace.host_reads for op in read.ops}
    finished = any(op.kind == "output" for op in trace.ops)
    feeds = [op.kind == "output" if finished else op.index not in used for op in trace.ops]
    for op in reversed(trace.ops):
        if feeds[op.index]:
            for source in _sources(trace, op):
                feeds[source] = True
    return feeds


def _sources(trace: Any, op: Op) -> tuple[int, ...]:
    """Return the Ops that an Op was computed from, also through numbers that came back."""
    return (
        *op.parents,
        *(source for read in op.host_reads for source in trace.host_reads[read].ops),
    )
