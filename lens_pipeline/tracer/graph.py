"""Questions about the relations in a Trace, as functions of it.

An Op stores its parents and a module call its parent; everything else is derived here.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import ModuleCall, Op


def children(trace: Any) -> list[list[int]]:
    """Return for each Op the Ops that read its output, in execution order."""
    found: list[list[int]] = [[] for _ in trace.ops]
    for op in trace.ops:
        for parent in op.parents:
            found[parent].append(op.index)
    return found


def depends_on_input(trace: Any) -> list[bool]:
    """Return for each Op whether an input of the model is among its ancestors or itself."""
    found: list[bool] = []
    for op in trace.ops:
        found.append(op.kind == "input" or any(found[parent] for parent in op.parents))
    return found


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
    state = hashlib.blake2b(digest_size=16)
    for line in structure(trace):
        state.update(repr(line).encode())
    return state.hexdigest()


def first_difference(one: Any, other: Any) -> str | None:
    """Name the first Op in which two forward passes differ; None where they do not."""
    lines, others = structure(one), structure(other)
    for op, line, line_of_other in zip(one.ops, lines, others, strict=False):
        if line != line_of_other:
            return f"{op.label} ({op.name}) became {other.ops[op.index].label}"
    if len(lines) != len(others):
        return f"{len(lines)} operations became {len(others)}"
    return None
