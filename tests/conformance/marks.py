"""What a trace could leave behind in a model and in torch."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from collections.abc import Iterator

    # what it is -> its state, comparable
    Marks = dict[str, object]

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def marks(model: torch.nn.Module) -> Marks:
    """Return the state of everything that tracing touches; nothing is copied."""
    found: Marks = {
        "the random generator": torch.get_rng_state().tolist(),
        "the gradient mode": torch.is_grad_enabled(),
        "torch.nn.Module": torch.nn.Module.__call__,
    }
    for address, module in model.named_modules():
        at = address or "the model"
        # a forward pass may bind its attributes anew
        found[f"the attributes of {at}"] = (type(module), *vars(module))
        found[f"the hooks of {at}"] = [list(vars(module).get(name, ())) for name in _HOOKS]
    for name, weight in model.named_parameters():
        found[name] = (id(weight), weight._version, weight.requires_grad, weight.data_ptr())
    for name, tensor in model.named_buffers():
        found[name] = (id(tensor), tensor.data_ptr(), _digest(tensor))
    return found


def _digest(tensor: torch.Tensor) -> bytes:
    """Hash the contents; batch normalisation writes its statistics without raising the version."""
    flat = tensor.detach().contiguous().flatten().view(torch.uint8)
    return hashlib.blake2b(flat.numpy().tobytes()).digest()


def changes(before: Marks, after: Marks) -> Iterator[str]:
    """Yield what is not as it was."""
    for what in before.keys() | after.keys():
        if before.get(what) != after.get(what):
            yield what
