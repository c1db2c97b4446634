"""Dotted addresses of modules, parameters and buffers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def home(address: str) -> str:
    """Return the address of the module that a module, parameter or buffer belongs to."""
    return address.rpartition(".")[0]


def homes(address: str) -> Iterator[str]:
    """Yield the addresses of the modules around it, innermost first, the model last."""
    while address:
        address = home(address)
        yield address
