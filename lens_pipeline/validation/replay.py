"""Runs the Ops of a Trace again, without the model.

The replay has a memory of its own, made of copies, so that views, in-place writes and rewritten
buffers behave as they did in the forward pass and nothing of the user's is touched. Copies keep the
strides of what they copy, because kernels choose their order of summation by them.
"""

from __future__ import annotations

import itertools
import warnings
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import OpRef, StateRef, TensorRef
from lens_pipeline.tracer.tensors import leaves, replace_leaves

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

_HALVES = frozenset({torch.float16, torch.bfloat16})


def snapshot(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """Return a copy of every parameter and buffer by each of its addresses."""
    copied = Copies()
    named = (
        *model.named_parameters(remove_duplicate=False),
        *model.named_buffers(remove_duplicate=False),
    )
    return {
        address: copied(tensor)
        for address, tensor in named
        if not torch.nn.parameter.is_lazy(tensor)
    }


def replay(
    trace: Trace,
    state: Mapping[str, torch.Tensor],
    inputs: Sequence[torch.Tensor],
    *,
    given: Collection[int] = (),
) -> list[torch.Tensor]:
    """Return the model's outputs as the Ops alone make them from `inputs`, one per input Op.

    `state` is `snapshot` of the model as the pass began. The Ops in `given`, and unrepeatable
    ones, are not run; their kept values stand for them. Leaves the random generators advanced.
    """
    memory = Memory(trace, state)
    places = iter(inputs)
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for ops in calls(trace):
            if ops[0].kind == "input":
                memory.hold(ops, [copy(next(places))])
            elif any(op.index in given for op in ops) or unrepeatable(ops[0]):
                memory.hold_kept(ops)
            else:
                memory.hold(ops, run_call(ops, *memory.arguments(ops[0])))
        return [memory.read(OpRef(op.index)) for op in trace.ops if op.kind == "output"]


def calls(trace: Trace) -> Iterator[tuple[Op, ...]]:
    """Yield the Ops of each call, in execution order."""
    for _, ops in itertools.groupby(trace.ops, key=lambda op: op.call):
        yield tuple(ops)


def unrepeatable(op: Op) -> str | None:
    """Return why an Op cannot be run from its arguments, so that its value is taken as it was."""
    if op.kind == "call" and op.function is None and not op.args:
        return "brings in an array from outside torch"
    if op.function is torch.autograd.grad:
        return "a backward pass, which needs the graph of autograd"
    return None


def run_call(ops: Sequence[Op], args: tuple[Any, ...], kwargs: Any) -> list[torch.Tensor]:
    """Run a call on other arguments and return its output tensors.

    An Op that ran under autocast does not say of which device and to which dtype: where 16-bit
    numbers are about and the plain call is refused or gives other dtypes, it is run under that of
    its own device. Raises what the call raises.
    """
    op = ops[0]
    half = _half(ops, args, kwargs) if op.autocast else None
    try:
        outputs = _call(op, args, kwargs)
    except RuntimeError:
        if half is None:
            raise
    else:
        as_before = [output.dtype for output in outputs] == [other.dtype for other in ops]
        if half is None or op.in_place or as_before:
            return outputs
    with torch.autocast(op.device.type, dtype=half):
        return _call(op, args, kwargs)


class Memory:
    """The tensors of a forward pass that is being replayed."""

    def __init__(self, trace: Trace, state: Mapping[str, torch.Tensor]) -> None:
        copied = Copies()
        self._state = {address: copied(tensor) for address, tensor in state.items()}
        self._constants = Copies()
        self._ops: dict[int, torch.Tensor] = {}
        self._last_use = _last_uses(trace)

    def read(self, ref: TensorRef) -> torch.Tensor:
        """Return the tensor that a reference stands for now."""
        if isinstance(ref, OpRef):
            if ref.op not in self._ops:
                raise LookupError(f"nothing is known of what Op {ref.op} gave")
            return self._ops[ref.op]
        if isinstance(ref, StateRef):
            return self._state[ref.address]
        return self._constants(ref.tensor)

    def arguments(self, op: Op) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return the arguments of a call as they are now."""
        args: tuple[Any, ...] = replace_leaves(op.args, self._argument)
        kwargs: dict[str, Any] = replace_leaves(op.kwargs, self._argument)
        return args, kwargs

    def hold(self, ops: Sequence[Op], outputs: Sequence[torch.Tensor]) -> None:
        """Keep the outputs of a call until their last reader has run."""
        if len(ops) != len(outputs):
            raise ValueError(f"gives {len(outputs)} tensors where {len(ops)} were recorded")
        for op, output in zip(ops, outputs, strict=True):
            self._ops[op.index] = output
        for done in self._last_use.get(ops[0].call, ()):
            self._ops.pop(done, None)

    def hold_kept(self, ops: Sequence[Op]) -> None:
        """Keep what the Trace kept of a call instead of running it."""
        targets = _targets(*self.arguments(ops[0])) if ops[0].in_place else []
        for op, target in zip(ops, targets, strict=False):
            target.copy_(_kept(op))
        self.hold(ops, targets or [copy(_kept(op)) for op in ops])

    def _argument(self, leaf: Any) -> Any:
        if isinstance(leaf, TensorRef):
            return self.read(leaf)
        return leaf.clone_state() if isinstance(leaf, torch.Generator) else leaf


class Copies:
    """Copies tensors, each once."""

    def __init__(self) -> None:
        self._found: dict[int, tuple[torch.Tensor, torch.Tensor]] = {}

    def __call__(self, tensor: torch.Tensor) -> torch.Tensor:
        """Return the one copy of `tensor`."""
        if id(tensor) not in self._found:
            self._found[id(tensor)] = (tensor, copy(tensor))
        return self._found[id(tensor)][1]


def copy(tensor: torch.Tensor) -> torch.Tensor:
    """Return a detached copy with the same strides, those of expanded tensors too."""
    tensor = tensor.detach()
    if tensor.layout is not torch.strided or tensor.is_quantized or not tensor.numel():
        return tensor.clone()
    cloned = tensor.clone()
    if cloned.stride() == tensor.stride():
        return cloned
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    memory = tensor.as_strided((reach + 1,), (1,)).clone()
    return memory.as_strided(tensor.shape, tensor.stride(), 0)


def references_of(op: Op) -> list[TensorRef]:
    """Return every tensor reference in the arguments of an Op, in order."""
    return list(references((op.args, op.kwargs)))


def _call(op: Op, args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    if op.function is None:
        return [args[0]]
    result = op.function(*args, **kwargs)
    return [tensor for _, tensor in leaves(result)] or _targets(args, kwargs)


def _targets(args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[torch.Tensor]:
    out = kwargs.get("out")
    return [tensor for _, tensor in leaves(args[:1] if out is None else out)]


def _kept(op: Op) -> torch.Tensor:
    if op.value is None:
        raise ValueError(f"the value of {op.label} was not kept")
    return op.value


def _half(ops: Sequence[Op], args: Any, kwargs: Any) -> torch.dtype | None:
    read = [tensor.dtype for _, tensor in leaves((args, kwargs))]
    return next((dtype for dtype in (*(op.dtype for op in ops), *read) if dtype in _HALVES), None)


def _last_uses(trace: Trace) -> dict[int, list[int]]:
    """Return for each call the Ops that nobody reads after it; outputs are never let go."""
    last = {op.index: op.call for op in trace.ops if op.kind != "output"}
    for op in trace.ops:
        for ref in references_of(op):
            if isinstance(ref, OpRef) and ref.op in last:
                last[ref.op] = op.call
    found: dict[int, list[int]] = {}
    for index, call in last.items():
        found.setdefault(call, []).append(index)
    return found
