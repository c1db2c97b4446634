"""Small facts about tensors and the containers they come in.

Containers are the ones that Python code passes to and returns from a forward pass: lists, tuples,
named tuples, mappings, dataclasses and slices. Anything else is taken as a leaf.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch

_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter, torch.nn.Buffer})


def is_plain(tensor: torch.Tensor) -> bool:
    """Say whether the tensor is of torch's own class and not of a subclass with its own rules."""
    return type(tensor) in _PLAIN


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """Yield every tensor in nested containers with its path, such as ".logits" or "[0].mask"."""
    if isinstance(value, torch.Tensor):
        yield path, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from leaves(item, f"{path}.{key}")
    elif isinstance(value, tuple | list):
        for number, item in enumerate(value):
            yield from leaves(item, f"{path}[{number}]")
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from leaves(getattr(value, field.name, None), f"{path}.{field.name}")


def replace_tensors(value: Any, replace: Callable[[torch.Tensor], Any]) -> Any:
    """Return `value` with every tensor in lists, tuples, dicts and slices replaced."""
    if isinstance(value, torch.Tensor):
        return replace(value)
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([replace_tensors(item, replace) for item in value])
    if kind is dict:
        return {key: replace_tensors(item, replace) for key, item in value.items()}
    if kind is slice:
        return slice(
            *(replace_tensors(end, replace) for end in (value.start, value.stop, value.step))
        )
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*(replace_tensors(item, replace) for item in value))
    return value


def nbytes(tensor: torch.Tensor) -> int:
    """Return the bytes of the tensor's elements; for a sparse one, of what it stores."""
    if tensor.layout is torch.strided:
        return tensor.numel() * tensor.element_size()
    if tensor.layout is torch.sparse_coo:
        return nbytes(tensor._indices()) + nbytes(tensor._values())
    return 0


def storage_key(tensor: torch.Tensor) -> int | None:
    """Return what tells one live storage from another; None where there is no storage to share."""
    try:
        key: int = tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):
        return None
    return key


def byte_range(tensor: torch.Tensor) -> tuple[int, int]:
    """Return the first address of the tensor's elements and the one after the last."""
    if not tensor.numel():
        return 0, 0
    start = tensor.data_ptr()
    reach = sum((n - 1) * step for n, step in zip(tensor.shape, tensor.stride(), strict=True))
    return start, start + (reach + 1) * tensor.element_size()
