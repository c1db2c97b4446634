"""Which Ops read and write which buffers of the model.

A buffer that was written in place is, for later Ops, the output of the Op that wrote it; it is
followed here by name. An attribute that forward sets to a new tensor is no longer that buffer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import OpRef, StateRef

if TYPE_CHECKING:
    from lens_pipeline.tracer.records import Op, TensorRef
    from lens_pipeline.tracer.trace import Trace

# functions that update the running statistics they are given when this argument is True
_UPDATES_STATISTICS = {"batch_norm": 5, "instance_norm": 5}


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one Op did with buffers."""

    # buffers it read, with how often each had been written before
    reads: dict[str, int]
    # buffers it wrote in place
    writes: tuple[str, ...]


def traffic(trace: Trace) -> list[Traffic]:
    """Return for each Op what it did with buffers."""
    # by the Op that wrote it
    written: dict[int, str] = {}
    n_writes: dict[str, int] = {}
    found: list[Traffic] = []
    for op in trace.ops:
        names = [_buffer(ref, op, written) for ref in references((op.args, op.kwargs))]
        reads = {name: n_writes.get(name, 0) for name in names if name is not None}
        writes = _written(op, written)
        for name in writes:
            n_writes[name] = n_writes.get(name, 0) + 1
        if op.in_place and writes:
            written[op.index] = writes[0]
        found.append(Traffic(reads, writes))
    return found


def _buffer(ref: TensorRef, op: Op, written: dict[int, str]) -> str | None:
    if isinstance(ref, StateRef):
        return ref.address if ref.address in op.buffers else None
    return written.get(ref.op) if isinstance(ref, OpRef) else None


def _written(op: Op, written: dict[int, str]) -> tuple[str, ...]:
    if op.in_place:
        target = op.kwargs.get("out") or (op.args[0] if op.args else None)
        names = (_buffer(ref, op, written) for ref in islice(references(target), 1))
        return tuple(name for name in names if name is not None)
    flag = _UPDATES_STATISTICS.get(op.name)
    updates = flag is not None and len(op.args) > flag and op.args[flag] is True
    return op.buffers if updates else ()
