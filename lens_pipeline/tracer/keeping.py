"""Which values are kept, in which form, and how they stay what they were.

A kept value is a reference. It is copied just before a call overwrites its memory, and at no other
time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from lens_pipeline.errors import PostfunctionError
from lens_pipeline.tracer.tensors import storage_key

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    import torch


@dataclass(frozen=True)
class Keep:
    """What of a forward pass is kept beside its structure."""

    # "all", or indices of Ops
    which: Literal["all"] | Collection[int] = "all"
    # picks among them once the whole pass is known: a function of the Trace to indices of Ops
    choose: Callable[[Any], Collection[int]] | None = None
    # applied to each value when it is made; its result is Op.transformed
    postfunction: Callable[[torch.Tensor], torch.Tensor] | None = None
    # keep the value itself too where there is a postfunction
    raw: bool = True
    # where kept values go, such as "cpu"; None leaves them where they were made
    device: str | None = None
    # values stay part of the autograd graph, so that a loss on them can be back-propagated
    connected: bool = False


class KeptValues:
    """The outputs worth keeping, by Op, each as it was when its Op had run."""

    def __init__(self, how: Keep) -> None:
        self.values: dict[int, torch.Tensor] = {}
        self.transformed: dict[int, torch.Tensor] = {}
        self._how = how
        self._which = None if how.which == "all" else frozenset(how.which)
        self._in_storage: dict[int, list[int]] = {}

    def keep(self, op: int, tensor: torch.Tensor, *, name: str) -> None:
        """Keep the output of `op`, of the function `name`, if it was asked for.

        Raises PostfunctionError if the postfunction fails.
        """
        if self._which is not None and op not in self._which:
            return
        how = self._how
        value = tensor if how.connected else tensor.detach()
        if how.postfunction is not None:
            self.transformed[op] = self._transform(value, name)
            if not how.raw:
                return
        if how.device is not None and value.device.type != how.device:
            value = value.to(how.device)
        key = storage_key(value)
        if key is None:
            value = value.clone()
        else:
            self._in_storage.setdefault(key, []).append(op)
        self.values[op] = value

    def _transform(self, value: torch.Tensor, name: str) -> torch.Tensor:
        assert self._how.postfunction is not None
        try:
            result = self._how.postfunction(value)
            # A result that shares memory with the value would change with it.
            result = result.clone() if storage_key(result) == storage_key(value) else result
            return result if self._how.device is None else result.to(self._how.device)
        except Exception as error:
            reason = str(error).partition("\n")[0].rstrip(".")
            raise PostfunctionError(
                f"The postfunction failed on the output of {name} (shape {tuple(value.shape)}): "
                f"{type(error).__name__}: {reason}."
            ) from error

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
