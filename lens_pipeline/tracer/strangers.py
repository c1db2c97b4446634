"""Tensors that came into a forward pass from a thread that was already running.

No mode follows a pass into such a thread, and what it computes is a stranger to the pass: a tensor
that no operation made. A constant of the model is one, too, but it was there before the pass. Since
Python's collector rests while a pass is traced, its youngest generation lists, in the order in
which they were made, the objects that were made since. Not noticed are numbers that a thread hands
back, and what it writes into a tensor of the pass.
"""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import torch

from lens_pipeline.tracer.graph import references
from lens_pipeline.tracer.records import ConstantRef

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lens_pipeline.tracer.raw import RawOp


def now() -> list[Any]:
    """Return a mark of the present moment, for `strangers`; to be called with the collector off."""
    return []


def strangers(ops: Iterable[RawOp], since: list[Any]) -> Iterator[str]:
    """Yield a sentence for each argument that was made since `since`, by no operation.

    Without other threads there are none.
    """
    if threading.active_count() < 2:
        return
    constants = [
        (op, ref.tensor)
        for op in ops
        for ref in references((op.call.args, op.call.kwargs))
        # forward may make a parameter, whose constructor is no call that could be seen
        if isinstance(ref, ConstantRef) and not isinstance(ref.tensor, torch.nn.Parameter)
    ]
    made = _tensors_made(since) if constants else frozenset()
    for op, tensor in constants:
        if id(tensor) in made:
            yield (
                f"a tensor {tuple(tensor.shape)} that {op.call.function.name} read was made during "
                "the pass by no operation that was seen; another thread may have made it"
            )


def _tensors_made(since: list[Any]) -> frozenset[int]:
    """Return the ids of the tensors that were made after the mark."""
    made: set[int] = set()
    for found in reversed(gc.get_objects(generation=0)):
        if found is since:
            return frozenset(made)
        if isinstance(found, torch.Tensor):
            made.add(id(found))
    return frozenset()  # something has collected meanwhile
