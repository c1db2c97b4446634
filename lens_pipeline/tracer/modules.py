"""Knows when each nn.Module is entered and left, through hooks that are removed on exit.

Two hooks of the process see every module, also one that is not registered in the model (made inside
forward, or kept in a plain list), and cost nothing to set up. They run before a module's own hooks;
a module that has some is given one more, which runs last, so that what hooks replace is inside the
call.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from torch.nn.modules import module as nn_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

    import torch
    from torch.utils.hooks import RemovableHandle


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
    # by id: modules with hooks of their own, held so that the id stays theirs, and our last hook
    hooked: dict[int, tuple[torch.nn.Module, RemovableHandle]] = {}

    def before(module: torch.nn.Module, _: Any) -> None:
        if threading.get_ident() == thread:
            if module._forward_hooks:
                _end_last(module, hooked, after_own_hooks)
            listener.enter(module, sys._getframe(1))
        elif id(module) in known:
            listener.foreign_thread()

    # Where forward raised, torch calls a hook that it always calls without the keyword arguments.
    def after(module: torch.nn.Module, *call: Any) -> None:
        if id(module) not in hooked and threading.get_ident() == thread:
            listener.leave(module, call[:-1], call[-1])

    def after_own_hooks(module: torch.nn.Module, *call: Any) -> None:
        if threading.get_ident() == thread:
            listener.leave(module, call[:-1], call[-1])

    with contextlib.ExitStack() as undo:
        undo.callback(nn_module.register_module_forward_pre_hook(before).remove)
        handle = nn_module.register_module_forward_hook(after, with_kwargs=True, always_call=True)
        undo.callback(handle.remove)
        try:
            yield
        finally:
            for _, own in hooked.values():
                own.remove()


def _end_last(
    module: torch.nn.Module,
    hooked: dict[int, tuple[torch.nn.Module, RemovableHandle]],
    hook: Callable[..., None],
) -> None:
    """Make `hook` the last of the module's hooks, if it is not yet."""
    _, ours = hooked.get(id(module), (module, None))
    if ours is not None:
        if next(reversed(module._forward_hooks)) == ours.id:
            return
        ours.remove()
    handle = module.register_forward_hook(hook, with_kwargs=True, always_call=True)
    hooked[id(module)] = module, handle
