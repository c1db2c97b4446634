"""Where the time of a run's tasks went, in one line: what to speed up first.

Decoding, writing and computing go on beside each other, so the shares are of the seconds that all
threads and workers spent, not of the wall clock.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

# In the order of the work; fields of extraction.overlap.Seconds.
_KINDS = ("decoding", "computing", "writing", "waiting")
_PREFIX = "tasks, "


def task_seconds(spent: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of tasks under the names that they have among a record's seconds."""
    return {f"{_PREFIX}{kind}": seconds for kind, seconds in spent.items()}


def time_shares(records: Iterable[Mapping[str, float]]) -> tuple[str, ...]:
    """Return a line on the time of the tasks of some runs, given each record's seconds.

    Nothing where no task was carried out.

    >>> time_shares([{"tasks, decoding": 1.0, "tasks, computing": 3.0, "all": 9.0}])
    ('time of tasks: decoding 25 %, computing 75 %, writing 0 %, waiting 0 %',)
    """
    total: Counter[str] = Counter()
    for seconds in records:
        total.update({kind: seconds.get(f"{_PREFIX}{kind}", 0.0) for kind in _KINDS})
    whole = sum(total.values())
    if not whole:
        return ()
    shares = ", ".join(f"{kind} {100 * total[kind] / whole:.0f} %" for kind in _KINDS)
    return (f"time of tasks: {shares}",)
