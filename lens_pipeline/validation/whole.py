"""Whether the graph as a whole is the model: by its output, replayed, and on other inputs.

The plain forward pass it is compared with runs under a function mode that does nothing, since torch
takes other kernels for attention where no mode is active, and those differ in the last bits.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import BaseTorchFunctionMode

from lens_pipeline.tracer.fence import eager, generators_kept
from lens_pipeline.tracer.graph import depends_on_input, first_difference
from lens_pipeline.tracer.run import arguments, trace
from lens_pipeline.tracer.tensors import leaves, replace_tensors
from lens_pipeline.validation.ops import RANDOM
from lens_pipeline.validation.perturbation import perturbed
from lens_pipeline.validation.replay import Copies, copy, replay
from lens_pipeline.validation.report import Check, OpVerdict, Outcome
from lens_pipeline.validation.sameness import difference, nearly_same, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from lens_pipeline.tracer.trace import Trace


@dataclass(frozen=True, slots=True)
class Context:
    """What the checks of the whole graph look at."""

    trace: Trace
    model: torch.nn.Module
    # as given to `check`; None where they were not
    inputs: Any
    state: Mapping[str, torch.Tensor]
    ops: list[OpVerdict]


def _equals_plain_forward(context: Context) -> tuple[Outcome, str]:
    """The output is that of the model run without a trace."""
    if context.inputs is None:
        return "exempt", "no inputs were given"
    return _compared(_kept_outputs(context), _plain_forward(context.model, context.inputs))


def _replays(context: Context) -> tuple[Outcome, str]:
    """The Ops alone, run from the inputs on, give the output; random ones give what they gave."""
    inputs = [op.value for op in context.trace.ops if op.kind == "input" and op.value is not None]
    with generators_kept():
        found = replay(context.trace, context.state, inputs, given=_given(context))
    return _compared(found, _kept_outputs(context))


def _replays_other_inputs(context: Context) -> tuple[Outcome, str]:
    """The Ops alone, run from other inputs, give what the model gives on those."""
    others = _other_inputs(context.inputs)
    if not others:
        return "exempt", "there are no tensor inputs to change"
    for other in others:
        try:
            plain = _plain_forward(context.model, other)
        except Exception:  # noqa: BLE001, S112  (a model may refuse what it was not given)
            continue
        outcome, reason = _replay_and_compare(context, other, plain)
        return (outcome, reason) if outcome == "validated" else _explained(context, other, reason)
    return "exempt", "the model takes no other inputs"


WHOLE_CHECKS: dict[str, Callable[[Context], tuple[Outcome, str]]] = {
    "output equals a plain forward pass": _equals_plain_forward,
    "graph replays from the inputs": _replays,
    "graph replays from other inputs": _replays_other_inputs,
}


def check_whole(context: Context) -> list[Check]:
    """Return the verdicts of WHOLE_CHECKS."""
    return [_guarded(name, ask, context) for name, ask in WHOLE_CHECKS.items()]


def _guarded(name: str, ask: Callable[[Context], tuple[Outcome, str]], context: Context) -> Check:
    try:
        return Check(name, *ask(context))
    except Exception as error:  # noqa: BLE001  (whatever an op raises is the verdict)
        return Check(name, "failed", f"{type(error).__name__}: {error}")


def _replay_and_compare(
    context: Context, inputs: Any, plain: list[torch.Tensor]
) -> tuple[Outcome, str]:
    try:
        with generators_kept():
            found = replay(context.trace, context.state, _input_tensors(inputs))
    except Exception as error:  # noqa: BLE001  (whatever an op raises is the verdict)
        return "failed", f"{type(error).__name__}: {error}"
    return _compared(found, plain)


def _explained(context: Context, other: Any, reason: str) -> tuple[Outcome, str]:
    """Say whether other inputs may rightly give another output than the replay."""
    changed = first_difference(context.trace, _traced_again(context, context.inputs))
    if changed is not None:
        return "failed", f"traced again on the same inputs the graph is another: {changed}"
    changed = first_difference(context.trace, _traced_again(context, other))
    if changed is not None:
        return "exempt", f"the graph changes with the input: {changed}"
    back = _came_back(context.trace)
    if back is not None:
        return "exempt", f"contents that Python read are used as they were: {back}"
    if _given(context):
        return "exempt", "values drawn or left unwritten inside do not repeat on other inputs"
    return "failed", f"something depends on the input outside the graph: {reason}"


def _came_back(trace: Trace) -> str | None:
    """Name a host read that depends on the input, and the Op that used it where one is known."""
    depends = depends_on_input(trace)
    reads = [read for read in trace.host_reads if any(depends[op] for op in read.ops)]
    names = {read.index: f"{read.name} of {trace.ops[read.ops[0]].label}" for read in reads}
    for op in trace.ops:
        for read in op.host_reads:
            if read in names:
                return f"{names[read]} came back in {op.label}"
    return next((f"{name} may have come back" for name in names.values()), None)


def _traced_again(context: Context, inputs: Any) -> Trace:
    with torch.no_grad(), state_kept(context.model):
        return trace(context.model, copied(inputs), keep=None)


def _given(context: Context) -> frozenset[int]:
    """Return the Ops that cannot be expected to repeat."""
    return frozenset(v.op for v in context.ops if v.outcome == "exempt" or v.reason == RANDOM)


def _compared(found: list[torch.Tensor], expected: list[torch.Tensor]) -> tuple[Outcome, str]:
    if len(found) != len(expected):
        return "failed", f"{len(found)} output tensors instead of {len(expected)}"
    reason = ""
    for number, (one, other) in enumerate(zip(found, expected, strict=True)):
        if not nearly_same(one, other):
            return "failed", f"output {number}: {difference(one, other)}"
        reason = reason if same(one, other) else "equal up to rounding"
    return "validated", reason


def _kept_outputs(context: Context) -> list[torch.Tensor]:
    outputs = (op.value for op in context.trace.ops if op.kind == "output")
    return [value for value in outputs if value is not None]


def _plain_forward(model: torch.nn.Module, inputs: Any) -> list[torch.Tensor]:
    args, kwargs = arguments(copied(inputs))
    with (
        torch.no_grad(),
        generators_kept(),
        eager(),
        state_kept(model),
        BaseTorchFunctionMode(),
    ):
        copies = Copies()
        return [copies(tensor) for _, tensor in leaves(model(*args, **kwargs))]


def _input_tensors(inputs: Any) -> list[torch.Tensor]:
    """Return the distinct tensors of the inputs, in the order of the trace's input Ops."""
    args, kwargs = arguments(inputs)
    found = {id(tensor): tensor for _, tensor in (*leaves(args), *leaves(kwargs))}
    return list(found.values())


def _other_inputs(inputs: Any) -> list[Any]:
    """Return the inputs with other contents, in a few variants, tamer ones first."""
    tensors = [] if inputs is None else _input_tensors(inputs)
    if not any(tensor.numel() for tensor in tensors):
        return []
    mild, half = ({id(t): _variants(t)[number] for t in tensors} for number in range(2))
    return [
        replace_tensors(inputs, lambda tensor: mild.get(id(tensor), tensor)),
        replace_tensors(inputs, lambda tensor: half.get(id(tensor), tensor)),
    ]


def _variants(tensor: torch.Tensor) -> list[torch.Tensor]:
    if tensor.is_floating_point() and tensor.numel():
        ramp = torch.linspace(0.5, 0.9, tensor.numel(), device=tensor.device)
        mild = (tensor * ramp.reshape(tensor.shape) + ramp.reshape(tensor.shape) / 16).to(
            tensor.dtype
        )
        return [mild, tensor * 0.5]
    found = list(perturbed(tensor))[:2] if tensor.numel() else []
    return [*found, tensor, tensor][:2]


def copied(inputs: Any) -> Any:
    """Copy the inputs, so that a model that writes to them leaves the caller's alone."""
    return replace_tensors(inputs, Copies())


@contextlib.contextmanager
def state_kept(model: torch.nn.Module) -> Iterator[None]:
    """Let the model work on copies of its buffers and tensor attributes, then put all state back.

    What forward has replaced, added or removed is put back as it was: parameters, buffers, modules
    and attributes; what it did inside lists and dicts of its own is not. Kept values may lie in the
    memory of the model's tensors, so nothing is put back by writing into that memory: a rewritten
    parameter gets other memory.
    """
    parameters = [(tensor, copy(tensor)) for tensor in _initialised(model)]
    places = [place for module in model.modules() for place in _places(module)]
    before = [dict(place) for place in places]
    copies = Copies()
    for place in places:
        tensors = {name: value for name, value in place.items() if _is_own(value)}
        place.update({name: copies(tensor) for name, tensor in tensors.items()})
    try:
        yield
    finally:
        for place, was in zip(places, before, strict=True):
            place.clear()
            place.update(was)
        for tensor, contents in parameters:
            if not same(tensor, contents):
                tensor.data = contents


def _places(module: torch.nn.Module) -> list[dict[str, Any]]:
    """Return the dicts by which a module knows its state; a scripted one shows none."""
    places = (module._parameters, module._buffers, module._modules, vars(module))
    return [place for place in places if isinstance(place, dict)]


def _is_own(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter)


def _initialised(model: torch.nn.Module) -> list[torch.Tensor]:
    return [tensor for tensor in model.parameters() if not torch.nn.parameter.is_lazy(tensor)]
