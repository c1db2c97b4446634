"""Which Op a tensor came from, and which values still stand in its memory.

A tensor is known by a weak reference beside its `id`, so a new tensor at an old address is never
taken for the old one and nothing is written on the tensor. A write in place makes the written
tensor the output of the writing Op; for other tensors on the same memory the write is remembered
and becomes a parent of whoever reads them later.

A kept value is a reference. It is copied just before a call overwrites its memory, and at no
other time.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef, TensorRef
from lens_pipeline.tracer.tensors import byte_range, storage_key

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    import torch


@dataclass(frozen=True, slots=True)
class _Known:
    """The Op that a live tensor came from."""

    tensor: weakref.ref[torch.Tensor]
    op: int
    # how many writes to its storage it already contains
    n_writes: int


@dataclass(frozen=True, slots=True)
class _Write:
    """Memory that an Op wrote in place."""

    op: int
    first: int
    last: int


class Lineage:
    """Answers, for any tensor in this forward pass, where its contents came from."""

    def __init__(self, states: dict[int, str]) -> None:
        # address of each parameter and buffer by the id of its tensor
        self._states = states
        self._known: dict[int, _Known] = {}
        self._writes: dict[int, list[_Write]] = {}

    def refer(self, tensor: torch.Tensor) -> TensorRef:
        """Return what `tensor` is in terms of Ops, the model's state, or neither."""
        known = self._known.get(id(tensor))
        if known is not None and known.tensor() is tensor:
            return OpRef(known.op, self._writers(tensor, known.n_writes))
        writers = self._writers(tensor, 0)
        address = self._states.get(id(tensor))
        return ConstantRef(tensor, writers) if address is None else StateRef(address, writers)

    def made(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `tensor` is now the output of `op`."""
        key = storage_key(tensor) if self._writes else None
        n_writes = 0 if key is None else len(self._writes.get(key, ()))
        self._known[id(tensor)] = _Known(weakref.ref(tensor), op, n_writes)

    def wrote(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `op` wrote into the memory of `tensor`."""
        key = storage_key(tensor)
        if key is not None:
            self._writes.setdefault(key, []).append(_Write(op, *byte_range(tensor)))

    def _writers(self, tensor: torch.Tensor, seen: int) -> tuple[int, ...]:
        if not self._writes:
            return ()
        key = storage_key(tensor)
        writes = () if key is None else self._writes.get(key, ())[seen:]
        if not writes:
            return ()
        first, last = byte_range(tensor)
        return tuple(write.op for write in writes if write.first < last and first < write.last)


class KeptValues:
    """The outputs worth keeping, by Op, each as it was when its Op had run."""

    def __init__(self, keep: Container[int]) -> None:
        self.values: dict[int, torch.Tensor] = {}
        self._keep = keep
        self._in_storage: dict[int, list[int]] = {}

    def keep(self, op: int, tensor: torch.Tensor) -> None:
        """Keep the output of `op` if it was asked for."""
        if op not in self._keep:
            return
        value = tensor.detach()
        key = storage_key(value)
        if key is None:
            value = value.clone()
        else:
            self._in_storage.setdefault(key, []).append(op)
        self.values[op] = value

    def save_before_write(self, tensors: Iterable[torch.Tensor]) -> None:
        """Copy every kept value that shares memory with a tensor about to be written."""
        for tensor in tensors:
            key = storage_key(tensor) if self._in_storage else None
            for op in self._in_storage.pop(key, ()) if key is not None else ():
                self.values[op] = self.values[op].clone()

    def share_memory_with(self, tensor: torch.Tensor) -> list[int]:
        """Return the Ops whose kept values lie in the memory of `tensor`."""
        key = storage_key(tensor) if self._in_storage else None
        return [] if key is None else self._in_storage.get(key, [])
