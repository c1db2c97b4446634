"""State dicts: read without pickle, fitted to a module with every misfit named, digested.

Files are read with torch's `weights_only` loader or as safetensors, so that opening one runs no
code of its author.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from lens_pipeline.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

# Keys under which training scripts wrap the state dict of the model.
_WRAPPERS = ("state_dict", "model_state_dict", "model")

# What DataParallel puts before each name.
_PARALLEL = "module."

# Names shown of each kind of misfit.
_SHOWN = 3


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Return the named tensors in a checkpoint file, on the CPU.

    Raises ModelError if the file cannot be read as one, or holds anything but named tensors.
    """
    try:
        content = _read(path)
    except (pickle.UnpicklingError, RuntimeError, OSError, EOFError, ValueError, KeyError) as error:
        raise ModelError(
            f"The weights {path} cannot be read as a state dict "
            f"({type(error).__name__}); save one with torch.save(model.state_dict(), path)."
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    if not isinstance(content, Mapping) or not all(
        isinstance(value, Tensor) for value in content.values()
    ):
        raise ModelError(
            f"The weights {path} hold no state dict, that is, a mapping from names to tensors; "
            "save one with torch.save(model.state_dict(), path)."
        )
    return {str(name): value for name, value in content.items()}


def fill(module: nn.Module, given: Mapping[str, Tensor], *, what: str) -> None:
    """Load `given` into the module; a leading `module.` of every name is dropped where it must be.

    `what` names the weights and the model in the error. Raises ModelError that counts missing,
    unexpected and mis-shaped tensors and names the first of each.
    """
    wanted = module.state_dict()
    if not wanted.keys() & given.keys():
        given = {name.removeprefix(_PARALLEL): value for name, value in given.items()}
    missing = [name for name in wanted if name not in given and not _is_counter(name)]
    unexpected = [name for name in given if name not in wanted]
    misshaped = [
        f"{name} {_shape(given[name])} for {_shape(wanted[name])}"
        for name in wanted
        if name in given and given[name].shape != wanted[name].shape
    ]
    kinds = (("missing", missing), ("unexpected", unexpected), ("of another shape", misshaped))
    misfits = [f"{len(names)} {kind} ({_first(names)})" for kind, names in kinds if names]
    if misfits:
        raise ModelError(
            f"{what} do not fit: of {len(wanted)} tensors {'; '.join(misfits)}; give weights of "
            "this very model."
        )
    module.load_state_dict(dict(given), strict=False)


def digest_weights(module: nn.Module) -> str:
    """Return the digest of the module's state dict: names, types, shapes and bytes."""
    state = hashlib.blake2b(digest_size=16)
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, Tensor):
            continue
        state.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        state.update(flat.view(torch.uint8).numpy().data)
    return state.hexdigest()


def _read(path: Path) -> Any:
    if path.suffix != ".safetensors":
        return torch.load(path, map_location="cpu", weights_only=True)
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError as error:
        raise ModelError(
            f"Reading {path.name} needs safetensors: pip install safetensors."
        ) from error
    try:
        return load_file(path)
    except SafetensorError as error:
        raise ValueError(str(error)) from error


def _is_counter(name: str) -> bool:
    """Batch counters do not touch an output, and old checkpoints have none."""
    return name.endswith("num_batches_tracked")


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "scalar"


def _first(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
