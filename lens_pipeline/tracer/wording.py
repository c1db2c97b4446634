"""Numbers, lists and sizes as text for people; bytes in units of 1,024."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from lens_pipeline.tracer.records import Op

_UNITS = ("B", "KB", "MB", "GB", "TB")


def human_bytes(n: float) -> str:
    """Return a number of bytes as text, in units of 1,024.

    >>> human_bytes(259584)
    '253.5 KB'
    """
    for unit in _UNITS:
        if n < 1024 or unit == _UNITS[-1]:
            return f"{n:.0f} {unit}" if unit == "B" else f"{n:.1f} {unit}"
        n /= 1024
    raise AssertionError


def total_bytes(tensors: Iterable[Any]) -> str:
    """Return the bytes of Ops or Parameters together, as text."""
    return human_bytes(sum(one.nbytes for one in tensors))


def counted(n: int, noun: str) -> str:
    """Return a number with its noun.

    >>> counted(1517, "layer")
    '1,517 layers'
    """
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def listed(names: Sequence[str], *, most: int = 12) -> str:
    """Return the first names, how many more there are, or "none".

    >>> listed(["relu", "gelu", "silu"], most=2)
    'relu, gelu and 1 more'
    """
    left = len(names) - most
    return ", ".join(names[:most] or ["none"]) + (f" and {left:,} more" if left > 0 else "")


def torch_name(named: torch.dtype | torch.layout) -> str:
    """Return torch's name of a type or layout without `torch.`, as `float32`."""
    return str(named).removeprefix("torch.")


def shape_and_type(op: Op) -> str:
    """Return shape and element type of an Op's output, as `(1, 64, 55, 55) float32`."""
    return f"{op.shape} {torch_name(op.dtype)}"
