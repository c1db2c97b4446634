"""One model of the catalogue traced, compared with plain hooks, and validated: one Row."""

from __future__ import annotations

import dataclasses
import statistics
import time
import traceback
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline import trace
from lens_pipeline.tracer.graph import first_difference
from lens_pipeline.validation.checking import validate
from tests.conformance.entries import version
from tests.conformance.hooks import differences, hooked, run, set_generators
from tests.conformance.marks import changes, marks

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conformance.entries import Entry

    # fields of the Row, and what is wrong, one sentence each
    Answer = tuple[dict[str, Any], list[str]]

# forward passes of each kind that are timed; the median counts
_REPEATS = 3

_SEED = 0


@dataclass(frozen=True, slots=True)
class Row:
    """What the conformance run found about one model; None where it did not get so far."""

    name: str
    family: str
    library: str
    version: str
    # "ok", "failed", or "skipped" where the library is not installed
    status: str
    # why it is not ok: every failure, separated by " | "
    failures: str = ""
    ops: int | None = None
    layers: int | None = None
    module_calls: int | None = None
    # nothing was computed that the trace lacks
    complete: bool | None = None
    # every tensor that a module returned is what a plain hook saw, bit by bit
    hooks_equal: bool | None = None
    # tensors compared with hooks
    hook_tensors: int | None = None
    # parameters, buffers, hooks and random generators are after the trace what they were before
    unchanged: bool | None = None
    # `validate` found no failure
    validated: bool | None = None
    # operations, parents of operations, and whole-graph checks that validation could not judge
    exempt_ops: int | None = None
    exempt_edges: int | None = None
    exempt_checks: str = ""
    edges: int | None = None
    # medians of a forward pass alone and traced with all values kept
    forward_seconds: float | None = None
    trace_seconds: float | None = None
    trace_ratio: float | None = None
    # validation, and its ratio to a forward pass
    validate_seconds: float | None = None
    validate_ratio: float | None = None


def check(entry: Entry) -> Row:
    """Build, trace, hook and validate one model; whatever it raises is its row's failure."""
    found: dict[str, Any] = {}
    problems: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            set_generators(_SEED)
            model, inputs = entry.build()
        except Exception as error:  # noqa: BLE001  (a failing model is a row, not the end)
            return failed(entry, f"build raised {_sentence(error)}")
        for name, ask in QUESTIONS.items():
            try:
                fields, reasons = ask(model, inputs)
            except Exception as error:  # noqa: BLE001
                fields, reasons = {}, [f"{name} raised {_sentence(error)}"]
            found |= fields
            problems += reasons
    return _row(entry, found, problems)


def failed(entry: Entry, reason: str) -> Row:
    """Return the row of a model of which nothing came back."""
    return _row(entry, {}, [reason])


def skipped(entry: Entry) -> Row:
    """Return the row of a model whose library is absent."""
    reason = f"{entry.library} is not installed"
    return Row(entry.name, entry.family, entry.library, "", "skipped", reason)


def _row(entry: Entry, found: dict[str, Any], problems: list[str]) -> Row:
    row = Row(
        name=entry.name,
        family=entry.family,
        library=entry.library,
        version=version(entry.library),
        status="failed" if problems else "ok",
        failures=" | ".join(problems),
        **found,
    )
    if row.forward_seconds:
        ratios: dict[str, Any] = {
            f"{what}_ratio": round(seconds / row.forward_seconds, 2)
            for what, seconds in (("trace", row.trace_seconds), ("validate", row.validate_seconds))
            if seconds
        }
        return dataclasses.replace(row, **ratios)
    return row


def _sentence(error: Exception) -> str:
    """Return the class and the first line of an error, with where in our code it was raised."""
    line = next(iter(str(error).splitlines()), "")
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "lens_pipeline" in frame.filename]
    place = f" [{Path(ours[-1].filename).name}:{ours[-1].lineno}]" if ours else ""
    return f"{type(error).__name__}: {line[:300]}{place}"


def _timed(model: torch.nn.Module, inputs: Any) -> Answer:
    """Time the forward pass alone and traced with all values kept, taking turns."""
    plain, traced = [], []
    with torch.no_grad():
        run(model, inputs)
        for _ in range(_REPEATS):
            plain.append(_seconds(lambda: run(model, inputs)))
            traced.append(_seconds(lambda: trace(model, inputs)))
    medians = {
        "forward_seconds": round(statistics.median(plain), 6),
        "trace_seconds": round(statistics.median(traced), 6),
    }
    return medians, []


def _traced(model: torch.nn.Module, inputs: Any) -> Answer:
    """Trace, compare with what hooks see in a plain pass, and look for marks that it left."""
    with torch.no_grad():
        seen = hooked(model, inputs, seed=_SEED)
        set_generators(_SEED)
        before = marks(model)
        found = trace(model, inputs)
        changed = [f"tracing changed {what}" for what in changes(before, marks(model))]
        again = first_difference(found, trace(model, inputs, keep=None))
    count, wrong = differences(found, seen, {address for address, _ in model.named_modules()})
    fields = {
        "ops": len(found.ops),
        "layers": len(found.layers),
        "module_calls": len(found.module_calls),
        "complete": found.complete,
        "hooks_equal": not wrong,
        "hook_tensors": count,
        "unchanged": not changed,
    }
    gaps = [f"incomplete: {gap}" for gap in found.gaps[:3]]
    unlike = [] if again is None else [f"traced again it is another graph: {again}"]
    return fields, [*gaps, *(f"hooks: {d}" for d in wrong[:3]), *changed[:3], *unlike]


def _validated(model: torch.nn.Module, inputs: Any) -> Answer:
    """Validate, and count what could not be judged."""
    set_generators(_SEED)
    start = time.perf_counter()
    report = validate(model, inputs)
    seconds = time.perf_counter() - start
    edges = [edge for op in report.ops for edge in op.edges]
    unasked = [f"{c.name}: {c.reason}" for c in report.checks if c.outcome == "exempt"]
    fields = {
        "validated": report.ok,
        "exempt_ops": sum(op.outcome == "exempt" for op in report.ops),
        "edges": len(edges),
        "exempt_edges": sum(edge.outcome == "exempt" for edge in edges),
        "exempt_checks": " | ".join(unasked),
        "validate_seconds": round(seconds, 3),
    }
    lines = [line.strip() for line in str(report).splitlines()]
    failures = [line for line in lines if line.startswith(("FAILED", "..."))]
    return fields, [f"validation: {line}" for line in failures[:4]]


# what is asked of every model, in this order
QUESTIONS: dict[str, Callable[[torch.nn.Module, Any], Answer]] = {
    "forward and trace": _timed,
    "trace beside hooks": _traced,
    "validation": _validated,
}


def _seconds(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start
