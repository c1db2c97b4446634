"""What is printed of one Op, and of the passes of a layer."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.conditionals.branching import conditionals, place
from lens_pipeline.tracer.graph import children
from lens_pipeline.tracer.wording import human_bytes, listed, shape_and_type, total_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from lens_pipeline.tracer.lookup import Place
    from lens_pipeline.tracer.records import ModuleCall, Op

_CORNER = 5


def op_report(trace: Any, op: Op, *, keys: Sequence[str | int]) -> str:
    """Return the report of one Op: what came out, what ran, on what, and where.

    `keys` are the keys that lead to it.
    """
    n_passes = len(trace.layers[op.layer].ops)
    passes = f", pass {op.pass_number} of {n_passes}" if n_passes > 1 else ""
    layer = f"layer {op.layer} of 0 to {len(trace.layers) - 1}"
    facts = (fact for sentence in _SENTENCES for fact in sentence(trace, op))
    return "\n".join(
        [
            f"{op.label}: {layer}{passes}, operation {op.index} of 0 to {len(trace.ops) - 1}",
            *(f"  {fact}" for fact in facts),
            f"  Lookup keys: {', '.join(map(str, keys))}",
        ]
    )


def passes_report(trace: Any, place: Place) -> str:
    """Return the passes of a layer, of a module's output, or of a parameter, one line each."""
    readers = children(trace)
    lines = []
    for number, index in zip(place.numbers, place.ops, strict=True):
        op = trace.ops[index]
        ends = f"from {_labels(trace, op.parents)}; to {_labels(trace, readers[index])}"
        lines.append(f"  {number}: {op.label}  {shape_and_type(op)}; {ends}")
    return "\n".join([f"{place.name}: {len(lines)} passes in {trace.model_name}", *lines])


def _output(_: Any, op: Op) -> list[str]:
    which = "" if op.output_index is None else f" {op.output_index} of the call"
    facts = f"shape={op.shape}, dtype={op.dtype}, size={human_bytes(op.nbytes)}"
    return [f"Output{which}: {facts}" + ("" if op.device.type == "cpu" else f", on {op.device}")]


def _values(_: Any, op: Op) -> list[str]:
    if op.value is None and op.transformed is not None:
        return _corner_lines(op.transformed, "after the postfunction")
    return ["Values: not kept"] if op.value is None else _corner_lines(op.value)


def _corner_lines(value: torch.Tensor, origin: str = "") -> list[str]:
    first = corner(value)
    if first is None:
        return [f"Values: kept, as {value.layout}"]
    part = "Values" if first.shape == value.shape else "First values"
    title = f"{part} {origin}, of shape {tuple(value.shape)}" if origin else part
    return [f"{title}:", *(f"  {line}" for line in str(first).splitlines())]


def _state(trace: Any, op: Op) -> list[str]:
    by_address = {address: one for one in trace.parameters for address in one.addresses}
    used = [by_address[address] for address in op.parameters]
    numbers = sum(math.prod(one.shape) for one in used)
    total = f"; {numbers:,} numbers ({total_bytes(used)})" if used else ""
    names = [f"{address} {by_address[address].shape}" for address in op.parameters]
    buffers = [f"Buffers: {listed(op.buffers)}"] if op.buffers else []
    return [f"Parameters: {listed(names)}{total}", *buffers]


def _relatives(trace: Any, op: Op) -> list[str]:
    readers = [other.index for other in trace.ops if op.index in other.parents]
    others = [index for index in trace.layers[op.layer].ops if index != op.index]
    return [
        f"Parents: {_labels(trace, op.parents)}",
        f"Children: {_labels(trace, readers)}",
        *([f"Other passes: {_labels(trace, others)}"] if others else []),
    ]


def _host_reads(trace: Any, op: Op) -> list[str]:
    read = [f"{one.name} gave {one.value}" for one in trace.host_reads if op.index in one.ops]
    back = [
        f"{trace.host_reads[index].name} of {_labels(trace, trace.host_reads[index].ops)}"
        for index in op.host_reads
    ]
    left = [f"Read by Python: {listed(read)}"] if read else []
    return left + ([f"Given by Python: {listed(back)}"] if back else [])


def _branches(trace: Any, op: Op) -> list[str]:
    """Say which branches an Op decided, and in which arms it ran, outermost first."""
    found = conditionals(trace) if trace.host_reads else ()
    decides = dict.fromkeys(place(one) for one in found if op.index in one.deciding)
    arms = [f"{one.taken} of {place(one)}" for one in found if op.index in one.ops]
    decided = [f"Decides the branch at: {listed(list(decides))}"] if decides else []
    return decided + ([f"Ran in the arm: {listed(arms)}"] if arms else [])


def _function(_: Any, op: Op) -> list[str]:
    if op.kind != "call":
        return [f"Function: none, this is {op.name}"]
    autograd = [f"autograd function {op.grad_fn}"] if op.grad_fn else []
    facts = ", ".join(autograd + ["in place"] * op.in_place)
    return [f"Function: {op.name}" + (f" ({facts})" if facts else "")]


def _module(trace: Any, op: Op) -> list[str]:
    calls: tuple[ModuleCall, ...] = trace.module_calls
    inside = None if op.module_call is None else calls[op.module_call]
    left = [call for call in reversed(calls) if call.address and op.index in call.outputs]
    parents = {address.rpartition(".")[0] for address, _ in trace.modules}
    bottom = [call for call in left if call.address not in parents]
    numbers = Counter(call.address for call in calls)
    here = "none" if inside is None else f"{inside.address or 'the model'} ({inside.class_name})"
    call = f", call {inside.number}" if inside and numbers[inside.address] > 1 else ""
    return [
        f"Inside module: {here}{call}",
        f"Output of modules: {listed([_exit(one, op, numbers) for one in left])}",
        f"Output of bottom-level modules: {listed([_exit(one, op, numbers) for one in bottom])}",
    ]


def _time(_: Any, op: Op) -> list[str]:
    return [f"Time: {op.seconds:.3e} s"] if op.kind == "call" else []


# what is said of an Op, in this order
_SENTENCES: tuple[Callable[[Any, Op], list[str]], ...] = (
    _output,
    _values,
    _state,
    _relatives,
    _host_reads,
    _branches,
    _function,
    _module,
    _time,
)


def corner(value: torch.Tensor) -> torch.Tensor | None:
    """Return the first rows and columns of the first matrix; None without rows and columns."""
    if value.layout != torch.strided or value.is_quantized or value.is_nested:
        return None
    first = value.detach()
    while first.ndim > 2 and first.numel():
        first = first[0]
    for axis in range(first.ndim if first.numel() else 0):
        first = first.narrow(axis, 0, min(_CORNER, first.shape[axis]))
    return first


def _exit(call: ModuleCall, op: Op, numbers: Counter[str]) -> str:
    """Return under what name a call gave this Op's output."""
    slot = f"@{call.outputs.index(op.index)}" if len(call.outputs) > 1 else ""
    return f"{call.address}{slot}" + (f":{call.number}" if numbers[call.address] > 1 else "")


def _labels(trace: Any, indices: Iterable[int]) -> str:
    return listed([trace.ops[index].label for index in indices])
