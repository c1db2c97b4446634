"""Joining by stimulus id, with an account of what either side has and the other has not.

rsatoolbox compares row by row whatever the labels, so this join is done first, always; rows are
matched by position only when that was said.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import ComparisonError

if TYPE_CHECKING:
    from collections.abc import Sequence

ALIGNMENTS = ("id", "position")
# with fewer stimuli there are at most three pairs, and any two orders of three pairs agree often
LEAST_STIMULI = 4


@dataclass(frozen=True)
class Account:
    """What became of the stimuli of both sides."""

    # a member of ALIGNMENTS
    align: str
    n_common: int
    # ids of the run that the reference lacks, and the other way round; empty for "position"
    only_in_run: tuple[str, ...] = ()
    only_in_reference: tuple[str, ...] = ()


def describe(account: Account) -> str:
    """Return the account as a clause for the console and the record."""
    if account.align == "position":
        return f"{account.n_common} stimuli matched by position"
    text = f"{account.n_common} stimuli matched by id"
    dropped = [
        f"{len(ids)} only in the {side} ({some(ids)})"
        for side, ids in (("run", account.only_in_run), ("reference", account.only_in_reference))
        if ids
    ]
    return ", ".join([text, *dropped])


def match(
    stimulus_ids: Sequence[str], ids: Sequence[str] | None, *, n_rows: int, align: str, name: str
) -> tuple[list[int], list[int], Account]:
    """Return the rows of the run, the same stimuli's rows of the reference, and the account.

    Raises ComparisonError for missing, duplicate or foreign ids and for a wrong number of rows.
    """
    if align == "position":
        if n_rows != len(stimulus_ids):
            raise ComparisonError(
                f"The reference {name} has {n_rows} stimuli and the run {len(stimulus_ids)}; "
                "rsa.align=position needs as many, in the same order."
            )
        rows = list(range(n_rows))
        return rows, rows, Account(align, n_rows)
    if ids is None:
        raise ComparisonError(
            f"The reference {name} has no stimulus ids, so nothing says which row is which of the "
            f"{len(stimulus_ids)} stimuli; put ids in it, or one a line in "
            f"{name.partition(':')[0]}.ids.txt beside it, or accept the order as it stands with "
            "rsa.align=position."
        )
    _check_ids(ids, n_rows, name=name)
    return join(stimulus_ids, ids, name=name)


def join(
    here: Sequence[str], there: Sequence[str], *, name: str
) -> tuple[list[int], list[int], Account]:
    """Return the rows of both sides in the order of the first, and the account."""
    position = {stimulus: row for row, stimulus in enumerate(there)}
    run_rows = [row for row, stimulus in enumerate(here) if stimulus in position]
    known = set(here)
    account = Account(
        align="id",
        n_common=len(run_rows),
        only_in_run=tuple(stimulus for stimulus in here if stimulus not in position),
        only_in_reference=tuple(stimulus for stimulus in there if stimulus not in known),
    )
    if len(run_rows) < LEAST_STIMULI:
        raise ComparisonError(
            f"The reference {name} and the run have {len(run_rows)} stimulus ids in common, and a "
            f"comparison needs {LEAST_STIMULI}: the run has {some(here)}, the reference "
            f"{some(there)}; rename one side, or accept the order as it stands with "
            "rsa.align=position."
        )
    return run_rows, [position[here[row]] for row in run_rows], account


def _check_ids(ids: Sequence[str], n_rows: int, *, name: str) -> None:
    if len(ids) != n_rows:
        raise ComparisonError(
            f"The reference {name} has {n_rows} rows but {len(ids)} ids; give one id for each row."
        )
    twice = [stimulus for stimulus, count in Counter(ids).items() if count > 1]
    if twice:
        raise ComparisonError(
            f"The reference {name} has {len(twice)} ids on more than one row ({some(twice)}); "
            "each stimulus needs one row, and repeats need a column repetition."
        )


def some(names: Sequence[str]) -> str:
    """Return the first three names as text."""
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
