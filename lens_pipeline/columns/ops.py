"""What the columns of Ops say, where it takes more than a field of the record."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import resolve_name

from lens_pipeline.columns.arguments import configuration, shown
from lens_pipeline.columns.source import code_at
from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import OpRef, StateRef, TensorRef

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from lens_pipeline.columns.overview import Overview
    from lens_pipeline.tracer.records import ModuleCall, Op


def called(calls: Iterable[ModuleCall]) -> list[str]:
    """Return calls as `address:number`; the model itself is left out."""
    return [f"{call.address}:{call.number}" for call in calls if call.address]


def labels(o: Overview, ops: Iterable[int]) -> list[str]:
    """Return the labels of Ops."""
    return [o.trace.ops[op].label for op in ops]


def type_index(o: Overview, op: Op) -> int:
    """Return the first number of the label."""
    return int(short(o.trace.layers[op.layer].label).rpartition("_")[2])


def short(label: str) -> str:
    """Return a Layer's label without the ordinal."""
    return label.rpartition("_")[0]


def keys(o: Overview, op: Op) -> list[str]:
    """Return the names by which the Op alone is found: labels, modules it exits, the ordinal."""
    layer = o.trace.layers[op.layer]
    names = [layer.label, short(layer.label)]
    alone = len(layer.ops) == 1
    passes = [f"{name}:{op.pass_number}" for name in names]
    exits = o.exits.get(op.index, ())
    addresses = [call.address for call in exits if call.address and _only_call(o, call)]
    ordinal = [str(layer.index)] if alone else []
    return [*(names if alone else ()), *passes, *addresses, *called(exits), *ordinal]


def _only_call(o: Overview, call: ModuleCall) -> bool:
    return len(o.calls_of[call.address]) == 1 and len(call.outputs) == 1


def function(op: Op) -> str | None:
    """Return where the function is found, or its bare name."""
    if op.function is None:
        return None
    return resolve_name(op.function) or op.name


def call_text(o: Overview, op: Op) -> str:
    """Return the call as it could be written."""
    named = o.named_arguments[op.index]
    given = (
        shown(o.trace, value) if name.isdigit() else f"{name}={shown(o.trace, value)}"
        for name, value in named.items()
    )
    return f"{op.name}({', '.join(given)})"


def config(o: Overview, op: Op) -> str:
    """Return the arguments other than tensors; of a convolution the size of the kernel, too."""
    named = o.named_arguments[op.index]
    texts = {name: shown(o.trace, value) for name, value in configuration(named).items()}
    weight = named.get("weight")
    if "conv" in op.name and isinstance(weight, TensorRef):
        shape = _shape(o, weight)
        texts = {"kernel_size": str(shape[2:]), **texts} if shape else texts
    return ", ".join(f"{name}={text}" for name, text in texts.items())


def _shape(o: Overview, ref: TensorRef) -> tuple[int, ...] | None:
    if isinstance(ref, OpRef):
        return o.trace.ops[ref.op].shape
    if isinstance(ref, StateRef):
        states = o.trace.buffers if ref.buffer else o.trace.parameters
        return next((one.shape for one in states if ref.address in one.addresses), None)
    return tuple(ref.tensor.shape)


def tensor_arguments(o: Overview, op: Op) -> list[str]:
    """Return each tensor among the arguments with the argument's name."""
    return [
        f"{name}={shown(o.trace, ref)}"
        for name, value in o.named_arguments[op.index].items()
        for ref in references(value)
    ]


def is_random(op: Op) -> bool:
    """Say whether torch marks the function as one that draws from a generator."""
    packet = None if op.function is None else getattr(torch.ops.aten, op.name, None)
    # every object has some names, such as `__eq__`
    overloads = packet.overloads() if isinstance(packet, torch._ops.OpOverloadPacket) else ()
    seeded = torch.Tag.nondeterministic_seeded
    return any(seeded in getattr(packet, overload).tags for overload in overloads)


def is_internal_source(op: Op) -> bool:
    """Say whether the Op is a call that read no Op's output."""
    return op.kind == "call" and not op.parents


def is_dead_end(o: Overview, op: Op) -> bool:
    """Say whether the Op is no output and nothing read it."""
    return op.kind != "output" and not o.children[op.index]


def macs(flops: int | None) -> int | None:
    """Return the multiply-accumulates."""
    return None if flops is None else flops // 2


def bytes_read(o: Overview, op: Op) -> int:
    """Return the size of what the Op read."""
    state = (o.parameters[name].nbytes for name in op.parameters)
    return sum(o.trace.ops[parent].nbytes for parent in op.parents) + sum(state)


def intensity(o: Overview, op: Op) -> float | None:
    """Return the FLOPs per byte that the Op read or put out."""
    flops, moved = o.flops[op.index], bytes_read(o, op) + op.nbytes
    return None if flops is None or not moved else flops / moved


def of_transformed(op: Op, fact: Callable[[torch.Tensor], Any]) -> Any:
    """Return a fact of what the postfunction made of the output; None where there was none."""
    return None if op.transformed is None else fact(op.transformed)


def n_numbers(o: Overview, op: Op, *, trainable: bool = False) -> int:
    """Return the numbers in the parameters that the Op read."""
    used = (o.parameters[name] for name in op.parameters)
    return sum(math.prod(each.shape) for each in used if each.trainable or not trainable)


def of_module(o: Overview, op: Op, field: str) -> Any:
    """Return a field of the innermost module call."""
    return None if op.module_call is None else getattr(o.trace.module_calls[op.module_call], field)


def entered(o: Overview, op: Op) -> list[str]:
    """Return the module calls into which the Op brought a tensor."""
    outside = min(op.parents, default=len(o.trace.ops))
    return called(call for call in o.chain(op) if outside < call.first)


def leaf(o: Overview, op: Op) -> str | None:
    """Return the module without inner calls that returned the Op's output."""
    exits = o.exits.get(op.index, ())
    return next((call.address for call in exits if call.index not in o.not_leaves), None)


def distance(found: tuple[int, int] | None, end: int) -> int | None:
    """Return the fewest (0) or the most (1) edges."""
    return None if found is None else found[end]


def of_place(o: Overview, op: Op, field: str) -> Any:
    """Return a field of the place in the source."""
    place = o.places[op.site]
    return None if place is None else getattr(place, field)


def code(o: Overview, op: Op, around: int) -> str | None:
    """Return the code of the call with lines around it."""
    place = o.places[op.site]
    text = "" if place is None else code_at(place, around=around)
    return (text if around else text.strip()) or None


def stack(o: Overview, op: Op) -> list[str]:
    """Return the call stack as text."""
    return [f"{at.file}:{at.line} {at.function}" for at in o.stacks[op.site]]


def read_as(o: Overview, op: Op) -> list[str]:
    """Return how Python read the Op's numbers."""
    return [read.name for read in o.host_reads.get(op.index, ())]


def condition(o: Overview, op: Op) -> bool | None:
    """Return the last truth value that Python asked for."""
    reads = o.host_reads.get(op.index, ())
    values = [read.value for read in reads if read.name == "__bool__"]
    return bool(values[-1]) if values and values[-1] is not None else None


def from_host(o: Overview, op: Op) -> list[str]:
    """Return the Ops whose numbers came back as an argument."""
    reads = (o.trace.host_reads[read] for read in op.host_reads)
    return labels(o, dict.fromkeys(source for read in reads for source in read.ops))


def strides(op: Op) -> tuple[int, ...] | None:
    """Return the strides of the kept value."""
    strided = op.value is not None and op.value.layout is torch.strided
    return op.value.stride() if strided and op.value is not None else None


def total(values: Iterable[Any]) -> Any:
    """Return the sum, or None where one of the values is unknown."""
    found = list(values)
    return None if None in found else sum(found)
