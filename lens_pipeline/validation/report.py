"""What validation found, and how it reads."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

Outcome = Literal["validated", "failed", "exempt"]

# failures written out in a report; the others are counted
_MOST_LINES = 20


@dataclass(frozen=True, slots=True)
class EdgeVerdict:
    """Whether an Op was seen to depend on one of its parents."""

    parent: int
    outcome: Outcome
    # empty where there is nothing to say
    reason: str


@dataclass(frozen=True, slots=True)
class OpVerdict:
    """Whether an Op, run again, gave its kept value, and depends on its parents."""

    op: int
    label: str
    outcome: Outcome
    # empty where there is nothing to say
    reason: str
    edges: tuple[EdgeVerdict, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """The verdict on the trace as a whole in one respect."""

    name: str
    outcome: Outcome
    # what contradicts it, or why it could not be asked; empty where there is nothing to say
    reason: str


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found."""

    model_name: str
    # one per respect in which the whole trace was looked at
    checks: tuple[Check, ...]
    # one per Op, in order; empty where the record contradicts itself, so that it cannot be replayed
    ops: tuple[OpVerdict, ...]

    @property
    def ok(self) -> bool:
        """Nothing failed."""
        return not any(True for _ in _failures(self))

    def __str__(self) -> str:
        return _report(self)


def _failures(report: Report) -> Iterator[str]:
    for found in report.checks:
        if found.outcome == "failed":
            yield f"{found.name}: {found.reason}"
    labels = [verdict.label for verdict in report.ops]
    for verdict in report.ops:
        if verdict.outcome == "failed":
            yield f"{verdict.label}: {verdict.reason}"
        for edge in verdict.edges:
            if edge.outcome == "failed":
                yield f"{labels[edge.parent]} -> {verdict.label}: {edge.reason}"


def _exemptions(report: Report) -> Iterator[tuple[str, str]]:
    for found in report.checks:
        if found.outcome == "exempt":
            yield found.reason, found.name
    labels = [verdict.label for verdict in report.ops]
    for verdict in report.ops:
        if verdict.outcome == "exempt":
            yield verdict.reason, verdict.label
        for edge in verdict.edges:
            if edge.outcome == "exempt":
                yield edge.reason, f"{labels[edge.parent]} -> {verdict.label}"


def _report(report: Report) -> str:
    edges = [edge for verdict in report.ops for edge in verdict.edges]
    lines = [
        f"Validation of {report.model_name}: {'ok' if report.ok else 'FAILED'}",
        f"  {_counts('operations run again', [verdict.outcome for verdict in report.ops])}",
        f"  {_counts('parents given other contents', [edge.outcome for edge in edges])}",
    ]
    for found in report.checks:
        note = f" ({found.reason})" if found.reason else ""
        lines.append(f"  {found.outcome}: {found.name}{note}")
    failures = list(_failures(report))
    lines += [f"  FAILED {failure}" for failure in failures[:_MOST_LINES]]
    if len(failures) > _MOST_LINES:
        lines.append(f"  ... and {len(failures) - _MOST_LINES} more failures")
    times: Counter[str] = Counter()
    first: dict[str, str] = {}
    for reason, subject in _exemptions(report):
        times[reason] += 1
        first.setdefault(reason, subject)
    lines += [f"  exempt {n} x: {reason}, as {first[reason]}" for reason, n in times.items()]
    return "\n".join(lines)


def _counts(what: str, outcomes: list[Outcome]) -> str:
    n = Counter(outcomes)
    return (
        f"{len(outcomes)} {what}: {n['validated']} validated, {n['failed']} failed, "
        f"{n['exempt']} exempt"
    )
