"""What a model consists of, as records: parameters, buffers, modules and their state.

Only what is read off in no time; nothing of the user's code is run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch.nn.parameter import is_lazy

from lens_pipeline.tracer.records import Buffer, ModuleState, Parameter
from lens_pipeline.tracer.tensors import nbytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import torch

    from lens_pipeline.tracer.modules import Contents


def parameters_of(model: Contents) -> tuple[Parameter, ...]:
    """Return the parameters of a model, each once."""
    return tuple(
        Parameter(names, tuple(tensor.shape), tensor.dtype, nbytes(tensor), tensor.requires_grad)
        for names, tensor in _each_once(model.parameters)
    )


def buffers_of(model: Contents) -> tuple[Buffer, ...]:
    """Return the buffers of a model, each once."""
    return tuple(
        Buffer(names, tuple(tensor.shape), tensor.dtype, nbytes(tensor), _saved(model, names[0]))
        for names, tensor in _each_once(model.buffers)
    )


def modules_of(model: Contents) -> tuple[tuple[str, str], ...]:
    """Return address and class name of the modules of a model, each once."""
    return tuple(
        (address, type(module).__name__)
        for address, module in model.modules.items()
        if model.addresses[id(module)][0] == address
    )


def module_states_of(model: Contents) -> tuple[ModuleState, ...]:
    """Return what the modules of a model are, in the order of `modules_of`."""
    states = {id(module): _state(model, module) for module in model.modules.values()}
    return tuple(states.values())


def _each_once(
    tensors: Mapping[str, torch.Tensor],
) -> Iterator[tuple[tuple[str, ...], torch.Tensor]]:
    """Yield every tensor that has a shape, with all of its addresses."""
    addresses: dict[int, list[str]] = {}
    for address, tensor in tensors.items():
        addresses.setdefault(id(tensor), []).append(address)
    for names in addresses.values():
        if not is_lazy(tensors[names[0]]):
            yield tuple(names), tensors[names[0]]


def _saved(model: Contents, address: str) -> bool:
    home, _, name = address.rpartition(".")
    return name not in model.modules[home]._non_persistent_buffers_set


def _state(model: Contents, module: torch.nn.Module) -> ModuleState:
    kind = type(module)
    return ModuleState(
        model.addresses[id(module)],
        f"{kind.__module__}.{kind.__qualname__}",
        module.training,
        len(module._forward_hooks) + len(module._forward_pre_hooks),
    )
