"""What can go wrong, one class per thing a caller might catch.

Every message is one sentence a user can act on: what was wrong, where, what was allowed, and the
next step. The command line prints it without a traceback and exits with code 2.
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class LensError(Exception):
    """Anything this package refuses to do, with the reason and the next step."""


class ConfigError(LensError):
    """A configuration key or value that is not allowed."""


class ModelError(LensError):
    """A model that cannot be found, built, or filled with the weights asked for."""


class StimulusError(LensError):
    """A stimulus set that is missing, empty, ambiguous, or cannot be decoded."""


class SelectorError(LensError):
    """A selector that cannot be read or matches nothing."""


class PostfunctionError(LensError):
    """A postfunction that is unknown, fails, or breaks its contract."""


class TraceError(LensError):
    """A forward pass that cannot be traced, or a trace that does not fit its model."""


class StoreError(LensError):
    """A run folder or shard that is damaged, busy, or belongs to something else."""


class ComparisonError(LensError):
    """A reference or a comparison that cannot be made without guessing."""


class BudgetError(LensError):
    """A plan that does not fit the disk or the memory."""


def nearest(name: str, choices: Iterable[str]) -> str:
    """Say which three of `choices` come closest to `name`, as text for an error message.

    >>> nearest("resnet5", ["resnet50", "vgg16"])
    'nearest: resnet50'
    """
    pool = list(dict.fromkeys(choices))
    by_lower = {choice.lower(): choice for choice in pool}
    close = difflib.get_close_matches(name.lower(), by_lower, n=3, cutoff=0.4)
    if close:
        return "nearest: " + ", ".join(by_lower[word] for word in close)
    shown = ", ".join(pool[:8]) + (", ..." if len(pool) > 8 else "")
    return f"allowed: {shown}" if pool else "there is nothing to choose from"
