"""A Field: one attribute of an entry or a history that is no column of a table already."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True)
class Field:
    """One attribute, as a row of a table of attributes."""

    # what it holds, with its unit, and when it is None
    what: str
    # called with the entry or the history
    read: Callable[[Any], Any]
