"""Whether a Trace is right: says so op by op, with reasons.

`validate` traces a model and checks the trace; `check` checks a trace that is there. Checked are
completeness, the record against itself, the output against a plain forward pass, every Op run again
from its saved inputs and with other contents in each parent, and the graph as a whole: replayed
from the inputs, and from other inputs against a plain forward pass on those. Nothing of the
model's state, of the inputs or of the random generators is changed.
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch.nn.parameter import is_lazy

from lens_pipeline.errors import TraceError
from lens_pipeline.tracer.fence import generators_kept
from lens_pipeline.tracer.run import arguments, trace
from lens_pipeline.validation.metadata import METADATA_CHECKS, REPLAY_NEEDS
from lens_pipeline.validation.ops import check_ops
from lens_pipeline.validation.replay import snapshot
from lens_pipeline.validation.report import Check, Report
from lens_pipeline.validation.whole import Context, check_whole, copied, state_kept

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.tracer.trace import Trace


def validate(model: torch.nn.Module, inputs: Any = ()) -> Report:
    """Trace `model` on `inputs` and check the trace in every respect.

    `inputs` are those of `trace`. Runs without gradients and takes the time of some twenty forward
    passes. A model with lazy modules is checked in a copy that has run once. Raises what the
    model's forward raises, and TraceError as `trace` does.

    >>> import torch
    >>> report = validate(torch.nn.Linear(2, 2), torch.ones(1, 2))
    >>> report.ok, report.ops[1].label, report.ops[1].outcome
    (True, 'linear_1_1', 'validated')
    """
    if isinstance(model, torch.nn.Module) and any(map(is_lazy, model.parameters())):
        model = _initialised(model, inputs)
    with torch.no_grad(), state_kept(model):
        traced = trace(model, copied(inputs))
    return check(traced, model, inputs=inputs)


def check(traced: Trace, model: torch.nn.Module, *, inputs: Any = None) -> Report:
    """Check a trace that kept every value (`keep="all"`) against the model it was taken from.

    The model must hold what it held when the pass began, and so must the random generators for
    random Ops to be repeated. Without `inputs` the model itself is not run. Raises TraceError for
    a trace that lacks values.
    """
    missing = [op.label for op in traced.ops if op.value is None]
    if missing:
        raise TraceError(
            f"{len(missing)} values of {traced.model_name} were not kept, the first of "
            f'{missing[0]}; make the trace with keep="all" to validate it.'
        )
    checks = [_completeness(traced), *_metadata(traced)]
    if any(found.outcome == "failed" and found.name in REPLAY_NEEDS for found in checks):
        return Report(traced.model_name, tuple(checks), ())
    state = snapshot(model)
    ops = check_ops(traced, state)
    checks += check_whole(Context(traced, model, inputs, state, ops))
    return Report(traced.model_name, tuple(checks), tuple(ops))


def _initialised(model: torch.nn.Module, inputs: Any) -> torch.nn.Module:
    """Return a copy of a model with lazy modules whose parameters are there."""
    model = deepcopy(model)
    args, kwargs = arguments(copied(inputs))
    with torch.no_grad(), generators_kept():
        model(*args, **kwargs)
    return model


def _completeness(traced: Trace) -> Check:
    return Check("complete", "validated" if traced.complete else "failed", "; ".join(traced.gaps))


def _metadata(traced: Trace) -> Iterator[Check]:
    """Yield the verdicts on the record; none after one without which it cannot be followed."""
    for name, contradictions in METADATA_CHECKS.items():
        try:
            found = list(contradictions(traced))
        except LookupError as error:
            found = [f"an index leads nowhere: {error}"]
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        yield Check(name, "failed" if found else "validated", "; ".join(found[:3]) + more)
        if found and name in REPLAY_NEEDS:
            return
