"""Small facts about tensors and the containers they come in.

Containers are the ones that Python code passes to and returns from a forward pass: lists, tuples,
named tuples, mappings, dataclasses and slices. Anything else is taken as a leaf.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

# Values that hold no tensor, by far the most arguments.
_ATOMS = frozenset({int, float, bool, str, type(None), torch.dtype, torch.device})

# elements
_MOST_EXACT = 1_000_000

_PLAIN = frozenset({torch.Tensor, torch.nn.Parameter, torch.nn.Buffer})


def all_plain(tensors: Iterable[torch.Tensor]) -> bool:
    """Say whether all are of torch's own classes and none of a subclass with its own rules."""
    return _PLAIN.issuperset(map(type, tensors))


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
    kind = type(value)
    if kind is tuple or kind is list:
        return kind(
            [
                item
                if type(item) in _ATOMS
                else replace(item)
                if isinstance(item, torch.Tensor)
                else replace_tensors(item, replace)
                for item in value
            ]
        )
    if kind in _ATOMS:
        return value
    if isinstance(value, torch.Tensor):
        return replace(value)
    if kind is dict:
        return {key: replace_tensors(item, replace) for key, item in value.items()}
    parts: tuple[Any, ...] = ()
    if kind is slice:
        parts = (value.start, value.stop, value.step)
    elif isinstance(value, tuple) and hasattr(value, "_fields"):
        parts = value
    return kind(*(replace_tensors(part, replace) for part in parts)) if parts else value


def replace_leaves(value: Any, replace: Callable[[Any], Any]) -> Any:
    """Return `value` with everything in lists, tuples, dicts and slices replaced."""
    kind = type(value)
    if kind is tuple or kind is list:
        return kind([replace_leaves(item, replace) for item in value])
    if kind is dict:
        return {key: replace_leaves(item, replace) for key, item in value.items()}
    if kind is slice:
        return slice(
            *(replace_leaves(end, replace) for end in (value.start, value.stop, value.step))
        )
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        return kind(*(replace_leaves(item, replace) for item in value))
    return replace(value)


def tensors_in(result: Any) -> list[torch.Tensor]:
    """Return the tensors that a call returned, in the order of its result."""
    if isinstance(result, torch.Tensor):
        return [result]
    if isinstance(result, tuple | list):
        return [tensor for _, tensor in leaves(result)]
    return []


def version_numbers(tensors: list[torch.Tensor]) -> list[int]:
    """Return how often each tensor's memory was written; nothing in inference mode."""
    try:
        return [tensor._version for tensor in tensors]
    except RuntimeError:  # inference tensors keep no version
        return []


def nbytes(tensor: torch.Tensor) -> int:
    """Return the bytes of the tensor's elements; for a sparse one, of what it stores."""
    if tensor.layout is torch.strided:
        return tensor.nbytes
    if tensor.layout is torch.sparse_coo:
        return nbytes(tensor._indices()) + nbytes(tensor._values())
    return 0


def storage_key(tensor: torch.Tensor) -> int | None:
    """Return what tells one live storage from another; None where there is no storage to share."""
    try:
        key: int = tensor.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError, ValueError):  # the last for a lazy parameter
        return None
    return key


@dataclass(frozen=True, slots=True)
class Extent:
    """Which bytes of a storage a strided tensor covers."""

    # address of the first element, and one past the last
    first: int
    last: int
    shape: tuple[int, ...]
    # in elements
    stride: tuple[int, ...]
    itemsize: int


def extent(tensor: torch.Tensor) -> Extent:
    """Return the memory of a strided tensor's elements."""
    first, itemsize = tensor.data_ptr(), tensor.element_size()
    shape, stride = tuple(tensor.shape), tensor.stride()
    reach = sum((n - 1) * step for n, step in zip(shape, stride, strict=True))
    last = first + (reach + 1) * itemsize if tensor.numel() else first
    return Extent(first, last, shape, stride, itemsize)


def overlap(one: Extent, other: Extent) -> bool:
    """Say whether two tensors share a byte.

    Exact for spans of up to a million elements of one type, as interleaved columns are; otherwise
    two spans that meet count as sharing.
    """
    if one.first >= other.last or other.first >= one.last:
        return False
    start, end = min(one.first, other.first), max(one.last, other.last)
    if one.itemsize != other.itemsize or end - start > _MOST_EXACT * one.itemsize:
        return True
    taken = torch.zeros((end - start) // one.itemsize, dtype=torch.bool)
    views = [
        taken.as_strided(part.shape, part.stride, (part.first - start) // part.itemsize)
        for part in (one, other)
    ]
    views[0].fill_(True)
    return bool(views[1].any())
