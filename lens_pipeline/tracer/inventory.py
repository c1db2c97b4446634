"""What the model was when the pass began, beyond its parameters: buffers and the state of modules.

Only what is read off in no time; nothing of the user's code is run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch.nn.parameter import is_lazy

from lens_pipeline.tracer.tensors import nbytes

if TYPE_CHECKING:
    import torch

    from lens_pipeline.tracer.modules import Contents


@dataclass(frozen=True, slots=True)
class Buffer:
    """One buffer of the model and the addresses under which it is reached."""

    addresses: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: torch.dtype
    nbytes: int
    # it is part of the model's state_dict
    persistent: bool


@dataclass(frozen=True, slots=True)
class ModuleState:
    """What a module is beyond its class name."""

    # all of its addresses, the first one first
    addresses: tuple[str, ...]
    # such as "torch.nn.modules.conv.Conv2d"
    qualified_class: str
    # it was in train mode
    training: bool
    # forward hooks and pre-hooks of the user's
    n_hooks: int


def buffers_of(model: Contents) -> tuple[Buffer, ...]:
    """Return the buffers of a model, each once."""
    addresses: dict[int, list[str]] = {}
    for address, tensor in model.buffers.items():
        if not is_lazy(tensor):
            addresses.setdefault(id(tensor), []).append(address)
    return tuple(_buffer(model, tuple(names)) for names in addresses.values())


def modules_of(model: Contents) -> tuple[ModuleState, ...]:
    """Return the modules of a model, each once, in the order of Trace.modules."""
    states = {id(module): _module(model, module) for module in model.modules.values()}
    return tuple(states.values())


def _buffer(model: Contents, addresses: tuple[str, ...]) -> Buffer:
    tensor = model.buffers[addresses[0]]
    home, _, name = addresses[0].rpartition(".")
    saved = name not in model.modules[home]._non_persistent_buffers_set
    return Buffer(addresses, tuple(tensor.shape), tensor.dtype, nbytes(tensor), saved)


def _module(model: Contents, module: torch.nn.Module) -> ModuleState:
    kind = type(module)
    return ModuleState(
        model.addresses[id(module)],
        f"{kind.__module__}.{kind.__qualname__}",
        module.training,
        len(module._forward_hooks) + len(module._forward_pre_hooks),
    )
