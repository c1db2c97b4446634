"""Questions about the relations in a Trace, as functions of it.

An Op stores its parents and a module call its parent; everything else is derived here. To *depend*
on an input is to be computed from its contents: `zeros_like(x)` has the parent `x`, of which it
takes shape and type, and depends on nothing.
"""

from __future__ import annotations

import graphlib
from typing import TYPE_CHECKING, Any

from lens_pipeline.digests import digest_bytes
from lens_pipeline.tracer.records import OpRef, TensorRef

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.tracer.records import ModuleCall, Op

# functions that take no more than shape and type from the tensor that they are given first
SHAPE_ONLY = frozenset(
    f"{made}{like}"
    for like in ("", "_like")
    for made in ("zeros", "ones", "empty", "full", "rand", "randn", "randint")
) | {"new_zeros", "new_ones", "new_empty", "new_empty_strided", "new_full", "new_tensor"}


def references(value: Any) -> Iterator[TensorRef]:
    """Yield the tensors among the arguments of an Op, in order, as often as they stand there."""
    if isinstance(value, TensorRef):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from references(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from references(item)
    elif isinstance(value, slice):
        yield from references((value.start, value.stop, value.step))


def holds_tensor(value: Any) -> bool:
    """Say whether an argument of an Op is a tensor or holds one."""
    return next(references(value), None) is not None


def origins(ref: TensorRef) -> tuple[int, ...]:
    """Return the Ops that a referenced tensor's contents came from."""
    return (ref.op, *ref.writers) if isinstance(ref, OpRef) else ref.writers


def children(trace: Any) -> list[list[int]]:
    """Return for each Op the Ops that read its output, in execution order."""
    found: list[list[int]] = [[] for _ in trace.ops]
    for op in trace.ops:
        for parent in op.parents:
            found[parent].append(op.index)
    return found


def contents_read(op: Op) -> tuple[int, ...]:
    """Return the parents of an Op whose contents it reads, and not their shape and type alone."""
    if op.name not in SHAPE_ONLY:
        return op.parents
    others = {name: value for name, value in op.kwargs.items() if name not in ("input", "self")}
    read = {at for ref in references((op.args[1:], others)) for at in origins(ref)}
    return tuple(parent for parent in op.parents if parent in read)


def depends_on_input(trace: Any) -> list[bool]:
    """Return for each Op whether it is an input of the model or computed from one's contents."""
    found: list[bool] = []
    for op in trace.ops:
        found.append(op.kind == "input" or any(found[parent] for parent in contents_read(op)))
    return found


def is_recurrent(trace: Any) -> bool:
    """Say whether the Layers, joined by what depends on an input, form a cycle.

    A layer that is only visited twice (a siamese branch) is none, nor is a loop that fills a mask.
    """
    if all(len(layer.ops) == 1 for layer in trace.layers):
        return False
    depends = depends_on_input(trace)
    before: dict[int, set[int]] = {}
    for op in trace.ops:
        parents = (parent for parent in contents_read(op) if depends[parent])
        before.setdefault(op.layer, set()).update(trace.ops[parent].layer for parent in parents)
    try:
        graphlib.TopologicalSorter(before).prepare()
    except graphlib.CycleError:
        return True
    return False


def containing_calls(trace: Any, op: Op) -> list[ModuleCall]:
    """Return the module calls an Op ran inside, outermost first."""
    chain: list[ModuleCall] = []
    index = op.module_call
    while index is not None:
        chain.append(trace.module_calls[index])
        index = trace.module_calls[index].parent
    return chain[::-1]


def structure(trace: Any) -> list[tuple[Any, ...]]:
    """Return what makes two forward passes the same computation, Op by Op; shapes are left out."""
    addresses = [call.address for call in trace.module_calls]
    return [
        (
            op.kind,
            op.name,
            op.label,
            op.parents,
            op.parameters,
            op.output_index,
            "" if op.module_call is None else addresses[op.module_call],
        )
        for op in trace.ops
    ]


def structure_digest(trace: Any) -> str:
    """Return a digest of `structure`: equal for every batch of a model without branches."""
    return digest_bytes("".join(map(repr, structure(trace))).encode())


def first_difference(one: Any, other: Any) -> str | None:
    """Name the first Op in which two forward passes differ; None where they do not."""
    lines, others = structure(one), structure(other)
    for op, line, line_of_other in zip(one.ops, lines, others, strict=False):
        if line != line_of_other:
            return f"{op.label} ({op.name}) became {other.ops[op.index].label}"
    if len(lines) != len(others):
        return f"{len(lines)} operations became {len(others)}"
    return None
