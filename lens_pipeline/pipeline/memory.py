"""Memory: what a worker needs at the peak of a forward pass, told from a trace.

An output lives until the last operation that reads it is done. If that operation ran in a module
that the output was handed to, it lives until that module returns, because the caller still names
it; so a block's input lives as long as the block. A convolution also holds its input, its
weights and its output once more, in the layout of its kernel. What is kept lives until the next
pass is over, for it is written meanwhile.

Memory that is freed stays with the process (runtime/pages.py), and the C library seldom puts one
tensor where another of the same size was, so there is more of it than is alive at any moment.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

# Functions whose output has its input's memory.
# fmt: off
_VIEWS = frozenset((
    "__getitem__", "alpha_dropout", "chunk", "detach", "diagonal", "dropout", "dropout2d",
    "expand", "expand_as", "flatten", "movedim", "narrow", "permute", "ravel", "reshape",
    "select", "split", "squeeze", "swapaxes", "t", "to", "transpose", "unbind", "unflatten",
    "unfold", "unsqueeze", "view", "view_as",
))
# fmt: on
# Batches of single stimuli beside the one in the model: those it is made of, and two ahead.
DECODED = 3
# The libraries that a worker loads with its first shard.
WORKER_BYTES = 30_000_000
# What tensors take for each byte that is alive: 1.2 to 2.3 in seven networks, by their operations.
PIECES = 1.5


@dataclass(frozen=True)
class Need:
    """What a worker needs, in bytes."""

    # of the process with the model and the image libraries loaded; None where it is not known
    resident: int | None
    # what it holds beside that at moments of the pass: (per stimulus of the batch, whatever the
    # batch); only those that are the peak for some size of the batch
    moments: tuple[tuple[int, int], ...]

    def peak(self, batch_size: int) -> int:
        """Return the most that the process will hold with batches of that many stimuli."""
        most = max((fixed + batch_size * each for each, fixed in self.moments), default=0)
        return (self.resident or 0) + WORKER_BYTES + math.ceil(PIECES * most)

    def largest_batch(self, room: int) -> int:
        """Return the largest batch whose peak is within `room`; 0 where none is."""
        left = int((room - (self.resident or 0) - WORKER_BYTES) / PIECES)
        fitting = [(left - fixed) // each for each, fixed in self.moments if each]
        return max(0, min(fitting, default=0))


def worker_need(traced: Trace, *, kept: Collection[int], copied: int, resident: int) -> Need:
    """Return what a worker needs for batches of what was traced.

    `kept`: indexes of the Ops whose outputs are kept until the pass is over; `copied`: bytes of
    what is made of one stimulus's, where that is not written as it is; `resident`: as in Need.
    """
    inputs = [op for op in traced.ops if op.kind == "input"]
    n = max((op.shape[0] for op in inputs if op.shape), default=1)
    rows = sum(traced.ops[index].nbytes for index in kept) + n * copied
    beside = rows + DECODED * sum(op.nbytes for op in inputs)
    moments = [(rows, 0), *forward_moments(traced, kept)]
    return Need(resident, _peaks([((size + beside) // n, fixed) for size, fixed in moments]))


def forward_moments(traced: Trace, kept: Collection[int]) -> list[tuple[int, int]]:
    """Return for each Op the bytes that scale with the batch, and those that do not.

    The first are of tensors alive while it runs and of its workspace; the second of the workspace
    for its weights. Parameters are left out.
    """
    owners = _owners(traced)
    until = _lifetimes(traced, owners)
    n = len(traced.ops)
    for index in kept:
        until[owners[index]] = n - 1
    change = [0] * (n + 1)
    for op in traced.ops:
        if owners[op.index] == op.index:
            last = n - 1 if op.kind == "input" else until[op.index]
            change[op.index] += op.nbytes
            change[last + 1] -= op.nbytes
    weights = {a: p.nbytes for p in traced.parameters for a in p.addresses}
    return [
        (live + _workspace(traced, op), sum(weights[a] for a in op.parameters if _converts(op)))
        for live, op in zip(accumulate(change), traced.ops, strict=False)
    ]


def _peaks(moments: list[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """Leave out what another moment exceeds in both numbers."""
    found: list[tuple[int, int]] = []
    for each, fixed in sorted(set(moments), reverse=True):
        if not found or fixed > found[-1][1]:
            found.append((each, fixed))
    return tuple(found)


def _owners(traced: Trace) -> list[int]:
    """Return for each Op the Op that made the memory its output lies in."""
    owners: list[int] = []
    for op in traced.ops:
        shares = op.in_place or op.name in _VIEWS or op.kind == "output" or op.function is None
        owners.append(owners[op.parents[0]] if shares and op.parents else op.index)
    return owners


def _lifetimes(traced: Trace, owners: list[int]) -> list[int]:
    """Return for each Op the last Op during which its output is still there."""
    until = list(range(len(owners)))
    for op in traced.ops:
        for parent in op.parents:
            owner = owners[parent]
            until[owner] = max(until[owner], _held_until(traced, traced.ops[parent], op))
    return until


def _held_until(traced: Trace, maker: Op, reader: Op) -> int:
    from lens_pipeline.tracer.graph import containing_calls

    around = {call.index for call in containing_calls(traced, maker)}
    for call in containing_calls(traced, reader):
        if call.index not in around:
            return max(reader.index, call.last - 1)
    return reader.index


def _converts(op: Op) -> bool:
    return op.name.startswith("conv")


def _workspace(traced: Trace, op: Op) -> int:
    if not _converts(op):
        return 0
    return op.nbytes + sum(traced.ops[parent].nbytes for parent in op.parents)


def resident_bytes() -> int:
    """Return the memory of this process as it is now."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def available_bytes() -> int:
    """Return the memory that processes started now can have: of the machine, or of its container.

    A container's limit is the kernel's control group, version 2.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    limit, used = (_control_group(name) for name in ("memory.max", "memory.current"))
    return free if limit is None else max(0, min(free, limit - (used or 0)))


def _control_group(name: str) -> int | None:
    try:
        with open(f"/sys/fs/cgroup/{name}", encoding="ascii") as file:  # noqa: PTH123  read at once
            text: Any = file.read().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None
