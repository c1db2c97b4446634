"""Which reads of tensors belong to one evaluation of an `if` or a ternary, and what ran in its arm.

Reads of one statement in one activation are one evaluation until an operand comes up again or
something happens outside its tests. An arm is what happens next inside one arm, without a break.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from lens_pipeline.conditionals.syntax import arms, head_of, operands, span_of, within
from lens_pipeline.conditionals.truth_tests import use
from lens_pipeline.conditionals.truth_values import ConditionRead, truth

if TYPE_CHECKING:
    from lens_pipeline.conditionals.stacks import Activation, Stacks
    from lens_pipeline.conditionals.syntax import Arm, Sources, Span
    from lens_pipeline.conditionals.truth_tests import Use
    from lens_pipeline.tracer.records import HostRead

_BRANCHES = frozenset({"if", "elif", "ternary"})


@dataclass(slots=True)
class Visit:
    """One evaluation of an `if` with its elifs, or of a ternary."""

    activation: Activation
    # the first `if`, or the ternary
    head: Any
    arms: list[Arm]
    tested: list[ConditionRead] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Source:
    """What visits are found in."""

    sources: Sources
    stacks: Stacks

    def span(self, event: int, activation: Activation) -> Span | None:
        """Return where an activation stood at an event; None outside of it."""
        offset = self.stacks.offset(self.stacks.events[event], activation)
        return None if offset is None else self.sources.span(activation.code, offset)


def find_visits(trace: Any, source: Source) -> list[Visit]:
    """Return the visits in the order of their first reads."""
    found: list[Visit] = []
    latest: dict[tuple[Activation, ast.AST], Visit] = {}
    for read in trace.host_reads:
        taken_by = use_of(read, source)
        if taken_by.kind not in _BRANCHES:
            continue
        activation = source.stacks.activation(read, taken_by.frame)
        file = source.sources.file(activation.code)
        assert file is not None
        head = head_of(file, taken_by.holder)
        visit = latest.get((activation, head)) or Visit(activation, head, arms(head))
        tested = _tested(visit, read, taken_by, source)
        if visit.tested and _comes_again(visit, tested, source):
            visit = Visit(activation, head, visit.arms)
        if not visit.tested:
            found.append(visit)
        latest[activation, head] = visit
        visit.tested.append(tested)
    return found


def use_of(read: HostRead, source: Source) -> Use:
    """Return what took the value of a host read.

    Python 3.11 gives the jump of `b` in `if a > 0 and b:` the stretch of `a > 0`. A comparison in
    which nothing of what was read was made is therefore not what has the value.
    """
    found = use(source.sources, source.stacks.frames(read), truth=isinstance(read.value, bool))
    if isinstance(found.node, ast.Compare) and not _made_in(found.node, read, found.frame, source):
        return replace(found, node=found.holder, many=False)
    return found


def arm_of_visit(visit: Visit, source: Source) -> tuple[str | None, list[int]]:
    """Return the arm that was taken, and the events in it."""
    told = _told(visit)
    begun: str | None = None
    members: list[int] = []
    for event in range(
        source.stacks.of_read[visit.tested[-1].read.index] + 1, len(source.stacks.events)
    ):
        span = source.span(event, visit.activation)
        at = None if span is None else _place(visit, span)
        if at == "test" and begun is None:
            continue
        if at is None or at == "test" or at != (begun or told or at):
            break
        begun = at
        members.append(event)
    return told or begun, members


def _tested(visit: Visit, read: HostRead, taken_by: Use, source: Source) -> ConditionRead:
    arm = next(number for number, arm in enumerate(visit.arms) if arm.test is taken_by.test)
    return ConditionRead(read, taken_by, arm, _operand(visit, read, taken_by, source))


def _made_in(node: ast.expr, read: HostRead, frame: int, source: Source) -> bool:
    """Whether an Op that was read ran in the expression `node` of a frame."""
    activation = source.stacks.activation(read, frame)
    spans = (source.span(source.stacks.of_op[op], activation) for op in read.ops)
    return any(span is not None and within(span, span_of(node)) for span in spans)


def _operand(visit: Visit, read: HostRead, taken_by: Use, source: Source) -> ast.expr | None:
    """Return the operand of the test that was read, by its place or by that of the Op read."""
    assert taken_by.test is not None
    choices = operands(taken_by.test)
    if len(choices) == 1:
        return choices[0]
    spans = [source.span(source.stacks.of_op[op], visit.activation) for op in read.ops]
    if taken_by.node is not taken_by.holder:
        spans.insert(0, span_of(taken_by.node))
    inside = (
        choice for span in spans if span for choice in choices if within(span, span_of(choice))
    )
    return next(inside, None)


def _comes_again(visit: Visit, tested: ConditionRead, source: Source) -> bool:
    """Whether a read belongs to the next evaluation of what `visit` evaluated."""
    last = visit.tested[-1]
    if tested.arm < last.arm:
        return True
    if tested.arm == last.arm:
        assert tested.use.test is not None
        choices = operands(tested.use.test)
        if tested.operand and last.operand:
            step = choices.index(tested.operand) - choices.index(last.operand)
            if step < 0 or (step == 0 and not tested.use.many):
                return True
        elif sum(one.arm == tested.arm for one in visit.tested) >= len(choices):
            return True
    reads = source.stacks.of_read
    for event in range(reads[last.read.index] + 1, reads[tested.read.index]):
        span = source.span(event, visit.activation)
        if span is None or _place(visit, span) != "test":
            return True
    return False


def _told(visit: Visit) -> str | None:
    """Return the arm that the values read lead to; None where they do not suffice."""
    last = visit.tested[-1].arm
    # What was tested before the last test read came out false.
    for number, arm in enumerate(visit.arms[last:], start=last):
        if arm.test is None:
            return arm.name
        answer = truth(arm.test, [one for one in visit.tested if one.arm == number])
        if answer is None or answer:
            return arm.name if answer else None
    return None


def _place(visit: Visit, span: Span) -> str | None:
    """Return "test", or the name of the arm that a place is in; None outside."""
    for arm in visit.arms:
        if arm.test is not None and within(span, span_of(arm.test)):
            return "test"
        if arm.body is not None and within(span, arm.body):
            return arm.name
    return None
