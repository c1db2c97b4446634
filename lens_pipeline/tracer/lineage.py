"""Which Op a tensor came from.

A tensor is known by a weak reference beside its `id`, so a new tensor at an old address is never
taken for the old one and nothing is written on the tensor. A write in place makes the written
tensor the output of the writing Op; for other tensors on the same memory the write is remembered
and becomes a parent of whoever reads them later.
"""

from __future__ import annotations

import dataclasses
import weakref
from typing import TYPE_CHECKING

from lens_pipeline.tracer.records import ConstantRef, OpRef, StateRef, TensorRef
from lens_pipeline.tracer.tensors import Extent, extent, overlap, storage_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    import torch


class Lineage:
    """Answers, for any tensor in this forward pass, where its contents came from."""

    def __init__(
        self, parameters: Mapping[str, torch.Tensor], buffers: Mapping[str, torch.Tensor]
    ) -> None:
        # keeps the ids of parameters and buffers their own, also when forward replaces one
        self._alive = (*parameters.values(), *buffers.values())
        # reference to each parameter and buffer by the id of its tensor
        self._states: dict[int, StateRef] = {}
        for states, are_buffers in ((parameters, False), (buffers, True)):
            for address, tensor in states.items():
                self._states.setdefault(id(tensor), StateRef(address, buffer=are_buffers))
        # ids of those that an Op returned, and of those whose last Op wrote to them
        self._returned: set[int] = set()
        self._written: set[int] = set()
        # what tensors are that no Op returned, by id; they are held, so that the id stays theirs
        self._constants: dict[int, TensorRef] = {}
        self._strangers: list[torch.Tensor] = []
        # by id: the tensor, the Op it came from, how many writes to its storage it contains
        self._known: dict[int, tuple[weakref.ref[torch.Tensor], OpRef, int]] = {}
        # by storage: the Ops that wrote in place, and where
        self._writes: dict[int, list[tuple[int, Extent]]] = {}

    def refer(self, tensor: torch.Tensor) -> TensorRef:
        """Return what `tensor` is in terms of Ops, the model's state, or neither."""
        key = id(tensor)
        state: TensorRef | None = self._states.get(key)
        if state is None or key in self._returned:
            known = self._known.get(key)
            if known is not None and known[0]() is tensor:
                if not self._writes:
                    return known[1]
                writers = self._writers(tensor, known[2])
                return OpRef(known[1].op, writers) if writers else known[1]
            state = state or self._constants.get(key) or self._stranger(tensor)
        writers = self._writers(tensor, 0) if self._writes else ()
        return dataclasses.replace(state, writers=writers) if writers else state

    def state(self, tensor: torch.Tensor, ref: TensorRef) -> StateRef | None:
        """Return the parameter or buffer whose contents are read where `refer` gave `ref`.

        Also after it was written to; not after a call has returned it as it was, since what is
        read then is the output of that call.
        """
        if isinstance(ref, StateRef):
            return ref
        return self._states[id(tensor)] if id(tensor) in self._written else None

    def maker(self, tensor: torch.Tensor) -> int | None:
        """Return the Op that `tensor` is the output of; None for one that no Op made."""
        known = self._known.get(id(tensor))
        return known[1].op if known is not None and known[0]() is tensor else None

    def knows(self, tensor: torch.Tensor) -> bool:
        """Say whether `tensor` is a parameter, a buffer, or the output of an Op."""
        return id(tensor) in self._states or self.maker(tensor) is not None

    def twin(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Return the last other tensor that has just the memory of `tensor`; None without one."""
        key = storage_key(tensor)
        if key is None or tensor.is_nested:
            return None
        there = extent(tensor)
        made = [known() for known, _, _ in self._known.values()]
        for other in reversed([*self._alive, *made]):
            if other is None or other is tensor or storage_key(other) != key:
                continue
            if other.dtype == tensor.dtype and extent(other) == there:
                return other
        return None

    def made(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `tensor` is now the output of `op`."""
        n_writes = 0
        if id(tensor) in self._states:
            self._returned.add(id(tensor))
            self._written.discard(id(tensor))
        if self._writes:
            key = storage_key(tensor)
            n_writes = 0 if key is None else len(self._writes.get(key, ()))
        self._known[id(tensor)] = (weakref.ref(tensor), OpRef(op), n_writes)

    def wrote(self, tensor: torch.Tensor, op: int) -> None:
        """Take note that `op` wrote into the memory of `tensor`, which is now its output."""
        key = storage_key(tensor)
        if key is not None:
            self._writes.setdefault(key, []).append((op, extent(tensor)))
        self.made(tensor, op)
        if id(tensor) in self._states:
            self._written.add(id(tensor))

    def _stranger(self, tensor: torch.Tensor) -> TensorRef:
        """Return what a tensor is that no Op returned, and hold it."""
        found = self._constants[id(tensor)] = self._alias(tensor) or ConstantRef(tensor)
        self._strangers.append(tensor)
        return found

    def _alias(self, tensor: torch.Tensor) -> TensorRef | None:
        """Return the last Op whose live output shares memory with a tensor that no Op returned.

        `as_subclass` and the like hand out such tensors without a call that could be seen. Without
        such an Op, a parameter or buffer that lies in the same place.
        """
        key = storage_key(tensor)
        if key is None or not tensor.numel():
            return None
        for known, ref, _ in reversed(self._known.values()):
            made = known()
            if made is not None and storage_key(made) == key:
                return ref
        twin = self.twin(tensor)
        return None if twin is None else self._states.get(id(twin))

    def _writers(self, tensor: torch.Tensor, seen: int) -> tuple[int, ...]:
        key = storage_key(tensor)
        writes = () if key is None else self._writes.get(key, ())[seen:]
        if not writes:
            return ()
        read = extent(tensor)
        return tuple(op for op, written in writes if overlap(written, read))
