"""Which numbers, lists and arrays came out of tensors, so that they are known when they come back.

Python's own arithmetic on them cannot be followed: only the very object is recognised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from lens_pipeline.tracer.records import HostRead


class HostReads:
    """Contents of tensors that left for Python, and the objects they left as."""

    def __init__(self) -> None:
        self.reads: list[HostRead] = []
        # the objects are held, so that an id stays theirs: id -> (object, number of the read)
        self._objects: dict[int, tuple[Any, int]] = {}

    def add(self, read: HostRead, result: Any) -> None:
        """Take note of a read and of the object that it returned."""
        self.reads.append(read)
        # Truth values, small integers and texts are one object wherever they come from.
        common = isinstance(result, bool | str) or (type(result) is int and abs(result) < 300)
        if not common:
            self._objects[id(result)] = (result, read.index)

    def among(self, value: Any) -> tuple[int, ...]:
        """Return the reads whose very result is somewhere in `value`."""
        found: dict[int, None] = {}
        self._search(value, found)
        return tuple(found)

    def sharing_memory(self, tensor: torch.Tensor) -> tuple[int, ...]:
        """Return the reads whose NumPy array lies where `tensor` does."""
        return tuple(
            number
            for array, number in self._objects.values()
            if getattr(array, "__array_interface__", {}).get("data", (0,))[0] == tensor.data_ptr()
        )

    def _search(self, value: Any, found: dict[int, None]) -> None:
        known = self._objects.get(id(value))
        if known is not None:
            found[known[1]] = None
        elif isinstance(value, tuple | list):
            for item in value:
                self._search(item, found)
        elif isinstance(value, dict):
            for item in value.values():
                self._search(item, found)
