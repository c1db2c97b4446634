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
from typing import TYPE_CHECKING

from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef, TensorRef
from lens_pipeline.tracer.tensors import Extent, extent, overlap, storage_key

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    import torch


class Lineage:
    """Answers, for any tensor in this forward pass, where its contents came from."""

    def __init__(self, states: Mapping[str, torch.Tensor]) -> None:
        # keeps the ids of parameters and buffers their own, also when forward replaces one
        self._alive = tuple(states.values())
        # reference to each parameter and buffer by the id of its tensor
        self._states: dict[int, StateRef] = {}
        for address, tensor in states.items():
            self._states.setdefault(id(tensor), StateRef(address))
        # by id: the tensor, the Op it came from, how many writes to its storage it contains
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], OpRef, int]] = {}
        # by storage: the Ops that wrote in place, and where
        self._writes: dict[int, list[tuple[int, Extent]]] = {}

    def refer(self, tensor: torch.Tensor) -> TensorRef:
        """Return what `tensor` is in terms of Ops, the model's state, or neither."""
        known = self._known.get(id(tensor))
        if known is not None and known[0]() is tensor:
            if not self._writes:
                return known[1]
            writers = self._writers(tensor, known[2])
            return OpRef(known[1].op, writers) if writers else known[1]
        state = self._states.get(id(tensor))
        writers = self._writers(tensor, 0) if self._writes else ()
        if state is None:
            return ConstantRef(tensor, writers)
        return StateRef(state.address, writers) if writers else state

    def maker(self, tensor: torch.Tensor) -> int | None:
        """Return the Op that `tensor` is the output of; None for one that no Op made."""
        known = self._known.get(id(tensor))
        return known[1].op if known is not None and known[0]() is tensor else None

    def made(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `tensor` is now the output of `op`."""
        n_writes = 0
        if self._writes:
            key = storage_key(tensor)
            n_writes = 0 if key is None else len(self._writes.get(key, ()))
        self._known[id(tensor)] = (weakref.ref(tensor), OpRef(op), n_writes)

    def wrote(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `op` wrote into the memory of `tensor`."""
        key = storage_key(tensor)
        if key is not None:
            self._writes.setdefault(key, []).append((op, extent(tensor)))

    def _writers(self, tensor: torch.Tensor, seen: int) -> tuple[int, ...]:
        key = storage_key(tensor)
        writes = () if key is None else self._writes.get(key, ())[seen:]
        if not writes:
            return ()
        read = extent(tensor)
        return tuple(op for op, written in writes if overlap(written, read))


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
