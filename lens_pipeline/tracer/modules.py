"""Knows when each nn.Module is entered and left, through hooks that are removed on exit.

Every module of the model gets a pre-hook that runs first and a hook that runs last, so that what
other hooks replace is inside the call. Modules that are not registered in the model (made inside
forward, or kept in a plain list) are seen by a global hook, which leaves the others alone.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch.nn.modules import module as nn_module

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    import torch


class ModuleListener(Protocol):
    """Whoever writes down the calls of modules."""

    def enter(self, module: torch.nn.Module, caller: FrameType) -> None:
        """A module begins; `caller` is the frame that will run its forward."""

    def leave(self, module: torch.nn.Module, inputs: Any, output: Any) -> None:
        """A module ends; `output` is None if it raised."""

    def foreign_thread(self) -> None:
        """A module of the model ran in another thread."""


@dataclass(frozen=True)
class Contents:
    """The modules, parameters and buffers of a model, listed once."""

    # every address of every module, in the order of `named_modules`; the model itself is ""
    modules: dict[str, torch.nn.Module]
    # every address of a module by its id, the first one first
    addresses: dict[int, tuple[str, ...]]
    # by address; a tensor reached in two ways is there twice
    parameters: dict[str, torch.Tensor]
    buffers: dict[str, torch.Tensor]


def contents(model: torch.nn.Module) -> Contents:
    """List what a model consists of."""
    found = Contents(dict(model.named_modules(remove_duplicate=False)), {}, {}, {})
    for address, module in found.modules.items():
        found.addresses[id(module)] = (*found.addresses.get(id(module), ()), address)
        prefix = f"{address}." if address else ""
        for states, own in (
            (found.parameters, module._parameters),
            (found.buffers, module._buffers),
        ):
            states.update({prefix + name: t for name, t in own.items() if t is not None})
    return found


@contextlib.contextmanager
def watch_modules(model: Contents, listener: ModuleListener) -> Iterator[None]:
    """Report entry and exit of every module called in this thread while the context is open."""
    thread = threading.get_ident()
    known = model.addresses
    own = {id(module): module for module in model.modules.values()}

    def before(module: torch.nn.Module, *_: Any) -> None:
        if threading.get_ident() == thread:
            listener.enter(module, sys._getframe(1))
        else:
            listener.foreign_thread()

    def after(module: torch.nn.Module, *call: Any) -> None:
        if threading.get_ident() == thread:
            listener.leave(module, call[:-1], call[-1])

    def before_stranger(module: torch.nn.Module, *_: Any) -> None:
        if id(module) not in known and threading.get_ident() == thread:
            listener.enter(module, sys._getframe(1))

    def after_stranger(module: torch.nn.Module, *call: Any) -> None:
        if id(module) not in known and threading.get_ident() == thread:
            listener.leave(module, call[:-1], call[-1])

    with contextlib.ExitStack() as undo:
        for module in own.values():
            handle = module.register_forward_pre_hook(before, prepend=True, with_kwargs=True)
            undo.callback(handle.remove)
            handle = module.register_forward_hook(after, with_kwargs=True, always_call=True)
            undo.callback(handle.remove)
        undo.callback(nn_module.register_module_forward_pre_hook(before_stranger).remove)
        handle = nn_module.register_module_forward_hook(
            after_stranger, with_kwargs=True, always_call=True
        )
        undo.callback(handle.remove)
        yield
