"""Whether the record of a forward pass agrees with itself, value by value aside.

Each check is a function of the Trace that yields one sentence per contradiction. They run in the
order of METADATA_CHECKS; those in REPLAY_NEEDS come first.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lens_pipeline.tracer.graph import origins
from lens_pipeline.tracer.interception import layer_type
from lens_pipeline.tracer.labels import layer_labels, op_label
from lens_pipeline.tracer.records import OpRef, StateRef
from lens_pipeline.tracer.tensors import nbytes
from lens_pipeline.validation.replay import calls, references_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lens_pipeline.tracer.records import Layer, ModuleCall, Op
    from lens_pipeline.tracer.trace import Trace


def numbering(trace: Trace) -> Iterator[str]:
    """Ops, Layers and module calls stand at their index; inputs are first and outputs last."""
    lists: list[Sequence[Op | Layer | ModuleCall]] = [trace.ops, trace.layers, trace.module_calls]
    for records in lists:
        for place, record in enumerate(records):
            if record.index != place:
                yield f"{type(record).__name__} {record.index} stands at place {place}"
    order = ("input", "call", "output")
    kinds = [order.index(op.kind) for op in trace.ops]
    if kinds != sorted(kinds):
        yield "inputs, calls and outputs are not in this order"


def parents(trace: Trace) -> Iterator[str]:
    """Parents are earlier than their children and are what the arguments refer to."""
    for place, op in enumerate(trace.ops):
        expected = dict.fromkeys(origin for ref in references_of(op) for origin in origins(ref))
        if op.parents != tuple(expected):
            yield f"{op.label} has parents {op.parents}, but its arguments name {tuple(expected)}"
        for parent in (*op.parents, *expected):
            if not 0 <= parent < place:
                yield f"{op.label} reads Op {parent}, which is not earlier"


def states(trace: Trace) -> Iterator[str]:
    """The parameters and buffers of an Op are those that its arguments refer to.

    A parameter that an earlier Op wrote to, or returned as it came, is that Op's output and still
    the parameter: both list it.
    """
    known = {address for parameter in trace.parameters for address in parameter.addresses}
    for op in trace.ops:
        references = references_of(op)
        named = {ref.address for ref in references if isinstance(ref, StateRef)}
        before = [trace.ops[ref.op] for ref in references if isinstance(ref, OpRef)]
        allowed = named.union(*({*one.parameters, *one.buffers} for one in before))
        if not named <= {*op.parameters, *op.buffers} <= allowed:
            yield f"{op.label} reads {sorted(named)}, but lists {(*op.parameters, *op.buffers)}"
        if not known.issuperset(op.parameters) or known.intersection(op.buffers):
            yield f"{op.label} mixes up parameters and buffers"


def outputs_of_calls(trace: Trace) -> Iterator[str]:
    """The Ops of one call stand together and count their outputs from 0."""
    seen: set[int] = set()
    for ops in calls(trace):
        numbers = [op.output_index for op in ops]
        if numbers not in ([None], list(range(len(ops)))):
            yield f"the outputs of {ops[0].label} are numbered {numbers}"
        if ops[0].call in seen or len({(op.name, op.parents) for op in ops}) > 1:
            yield f"the Ops of the call of {ops[0].label} do not belong together"
        seen.add(ops[0].call)


def layers(trace: Trace) -> Iterator[str]:
    """Every Op is one pass of one Layer; passes count from 1 and share the Layer's function."""
    listed = Counter(index for layer in trace.layers for index in layer.ops)
    for op in trace.ops:
        if listed[op.index] != 1:
            yield f"{op.label} is listed by {listed[op.index]} layers"
    for layer in trace.layers:
        members = [trace.ops[index] for index in layer.ops]
        for number, op in enumerate(members, start=1):
            if (op.layer, op.pass_number) != (layer.index, number):
                yield f"{op.label} is not pass {number} of {layer.label}"
            if _type(op) != layer.type:
                yield f"{op.label} is a {_type(op)}, but its layer {layer.label} a {layer.type}"


def labels(trace: Trace) -> Iterator[str]:
    """Labels are unique and are those that types, numbers and passes give."""
    for label, times in Counter(op.label for op in trace.ops).items():
        if times > 1:
            yield f"{times} Ops have the label {label}"
    expected = layer_labels([layer.type for layer in trace.layers])
    for layer, right in zip(trace.layers, expected, strict=True):
        if layer.label != right:
            yield f"layer {layer.index} is labelled {layer.label} instead of {right}"
        for number, index in enumerate(layer.ops, start=1):
            label = op_label(layer.label, pass_number=number, n_passes=len(layer.ops))
            if trace.ops[index].label != label:
                yield f"Op {index} is labelled {trace.ops[index].label} instead of {label}"


def modules(trace: Trace) -> Iterator[str]:
    """Module calls are nested intervals of Ops, and each Op names the innermost around it."""
    numbers: Counter[str] = Counter()
    ended: dict[int | None, int] = {}
    for call in trace.module_calls:
        if call.first < ended.get(call.parent, 0):
            yield f"{call.address}:{call.number} begins before the call beside it has ended"
        ended[call.parent] = call.last
        numbers[call.address] += 1
        if call.number != numbers[call.address]:
            yield f"call {call.number} of {call.address!r} is its number {numbers[call.address]}"
        yield from _misplaced(trace, call)
    for op, inside in zip(trace.ops, _innermost(trace), strict=True):
        if op.module_call != inside:
            yield f"{op.label} names module call {op.module_call}, but ran inside {inside}"


def values(trace: Trace) -> Iterator[str]:
    """A kept value has the shape, dtype, device and size that its Op states."""
    for op in trace.ops:
        value = op.value
        if value is None:
            continue
        found = (tuple(value.shape), value.dtype, value.device, nbytes(value))
        if found != (op.shape, op.dtype, op.device, op.nbytes):
            yield f"the value of {op.label} is {found}"


METADATA_CHECKS: dict[str, Callable[[Trace], Iterator[str]]] = {
    "numbering": numbering,
    "parents": parents,
    "outputs of calls": outputs_of_calls,
    "values": values,
    "parameters and buffers": states,
    "layers and passes": layers,
    "labels": labels,
    "modules": modules,
}

# Without these the Ops cannot be run again from the record.
REPLAY_NEEDS = ("numbering", "parents", "outputs of calls", "values")


def _type(op: Op) -> str:
    return layer_type(op.name) if op.kind == "call" else op.kind


def _misplaced(trace: Trace, call: ModuleCall) -> Iterator[str]:
    name = f"{call.address or 'the model'}:{call.number}"
    if not 0 <= call.first <= call.last <= len(trace.ops):
        yield f"{name} runs from Op {call.first} to {call.last}"
    if any(not 0 <= op < max(call.last, 1) for op in call.outputs):
        yield f"{name} returned Ops {call.outputs}, which are not all before its end"
    if (call.parent is None) != (call.index == 0) or (call.parent or 0) > max(call.index - 1, 0):
        yield f"{name} has the enclosing call {call.parent}"
    elif call.parent is not None:
        outer = trace.module_calls[call.parent]
        if not outer.first <= call.first <= call.last <= outer.last:
            yield f"{name} is not within its enclosing call of {outer.address!r}"


def _innermost(trace: Trace) -> list[int | None]:
    """Return for each Op the last entered module call around it."""
    inside: list[int | None] = [None] * len(trace.ops)
    for call in trace.module_calls:
        inside[call.first : call.last] = [call.index] * (call.last - call.first)
    return inside[: len(trace.ops)]
