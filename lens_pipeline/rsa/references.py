"""What a run is compared with: RDMs of brains, behaviour or other models, joined by stimulus id.

What is promised: rows are matched by id, or by position only when that was said; what either side
has and the other has not is counted; and a matrix that is not an RDM is refused before anything is
computed. rsatoolbox compares row by row whatever the labels, so this join is done first, always.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.matrices import Matrices, Table
from lens_pipeline.rsa.rdms import dissimilarities, make_rdms
from lens_pipeline.rsa.reference_files import read_reference
from lens_pipeline.rsa.scatter import Doubles, NoRdmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsatoolbox.rdm.rdms import RDMs

ALIGNMENTS = ("id", "position")
# with fewer stimuli there are at most three pairs, and any two orders of three pairs agree often
LEAST_STIMULI = 4
# relative to the largest value: how far a matrix may be from symmetric, or its diagonal from zero
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Account:
    """What became of the stimuli of both sides."""

    # a member of ALIGNMENTS
    align: str
    n_common: int
    # ids of the run that the reference lacks, and the other way round; empty for "position"
    only_in_run: tuple[str, ...] = ()
    only_in_reference: tuple[str, ...] = ()


@dataclass(frozen=True)
class Reference:
    """One RDM, or one per subject, of the stimuli in common, in the order of the run."""

    # "rdms_it:human_IT": the stem of the file and the key
    name: str
    # pattern_descriptors: stimulus_id, as the run writes it; rdm_descriptors: subject
    rdms: RDMs
    account: Account
    n_subjects: int


def open_reference(
    text: str, *, stimulus_ids: Sequence[str], align: str = "id", method: str = "correlation"
) -> Reference:
    """Read `FILE[:KEY]` and match it with the stimuli of a run.

    `method` makes the RDM where the file is a table of features. Raises ComparisonError for a file,
    ids or values that do not fit.
    """
    if align not in ALIGNMENTS:
        raise ComparisonError(f"There is no rsa.align={align}; {nearest(align, ALIGNMENTS)}.")
    path, key = split_key(text)
    found = read_reference(path, key)
    name = path.stem + (f":{key}" if key else "")
    run_rows, rows, account = _match(stimulus_ids, found, align=align, name=name)
    ids = tuple(stimulus_ids[row] for row in run_rows)
    if isinstance(found, Table):
        stack = _of_table(found.values[rows], ids, method=method, name=name)
        subjects: tuple[str, ...] = ()
    else:
        stack = found.values[:, rows][:, :, rows]
        subjects = found.names
    checked = [_condensed(matrix, ids, name=name) for matrix in stack]
    return Reference(name, _labelled(checked, ids, subjects=subjects), account, len(checked))


def split_key(text: str) -> tuple[Path, str | None]:
    """Split FILE[:KEY] where the file ends; both may contain colons.

    Raises ComparisonError if no such file exists.
    """
    parts = text.split(":")
    for cut in range(len(parts), 0, -1):
        path = Path(":".join(parts[:cut])).expanduser()
        if path.is_file():
            return path, ":".join(parts[cut:]) or None
    raise ComparisonError(
        f"The reference {text} (rsa.reference=FILE[:KEY]) names no file that exists, seen from "
        f"{Path.cwd()}; give the path of one."
    )


def describe(account: Account) -> str:
    """Return the account as a clause for the console and the record."""
    if account.align == "position":
        return f"{account.n_common} stimuli matched by position"
    text = f"{account.n_common} stimuli matched by id"
    dropped = [
        f"{len(ids)} only in the {side} ({_some(ids)})"
        for side, ids in (("run", account.only_in_run), ("reference", account.only_in_reference))
        if ids
    ]
    return ", ".join([text, *dropped])


def _match(
    stimulus_ids: Sequence[str], found: Matrices | Table, *, align: str, name: str
) -> tuple[list[int], list[int], Account]:
    """Return the rows of the run, the same stimuli's rows of the reference, and the account."""
    n_rows = found.values.shape[-2]
    if align == "position":
        if n_rows != len(stimulus_ids):
            raise ComparisonError(
                f"The reference {name} has {n_rows} stimuli and the run {len(stimulus_ids)}; "
                "rsa.align=position needs as many, in the same order."
            )
        rows = list(range(n_rows))
        return rows, rows, Account(align, n_rows)
    if found.ids is None:
        raise ComparisonError(
            f"The reference {name} has no stimulus ids, so nothing says which row is which of the "
            f"{len(stimulus_ids)} stimuli; put ids in it, or one a line in "
            f"{name.partition(':')[0]}.ids.txt beside it, or accept the order as it stands with "
            "rsa.align=position."
        )
    _check_ids(found.ids, n_rows, name=name)
    return _join(stimulus_ids, found.ids, name=name)


def _join(
    here: Sequence[str], there: Sequence[str], *, name: str
) -> tuple[list[int], list[int], Account]:
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
            f"comparison needs {LEAST_STIMULI}: the run has {_some(here)}, the reference "
            f"{_some(there)}; rename one side, or accept the order as it stands with "
            "rsa.align=position."
        )
    return run_rows, [position[here[row]] for row in run_rows], account


def _check_ids(ids: Sequence[str], n_rows: int, *, name: str) -> None:
    if len(ids) != n_rows:
        raise ComparisonError(f"The reference {name} has {n_rows} rows but {len(ids)} ids.")
    twice = [stimulus for stimulus, count in Counter(ids).items() if count > 1]
    if twice:
        raise ComparisonError(
            f"The reference {name} has {len(twice)} ids on more than one row ({_some(twice)}); "
            "each stimulus needs one row."
        )


def _of_table(values: Doubles, ids: Sequence[str], *, method: str, name: str) -> Doubles:
    try:
        vector = dissimilarities(lambda: [values], method=method)
    except NoRdmError as error:
        of = f" ({_some([ids[row] for row in error.stimuli])})" if error.stimuli else ""
        raise ComparisonError(
            f"The features {name} give no {method} RDM: {error}{of}; choose other columns with "
            "FILE:COLUMN+COLUMN or another rsa.method."
        ) from error
    matrix: Doubles = squareform(vector)
    return matrix[None]


def _condensed(matrix: Doubles, ids: Sequence[str], *, name: str) -> Doubles:
    """Return the upper triangle of what is proved to be an RDM."""
    off_diagonal = ~np.eye(len(ids), dtype=bool)
    missing = np.argwhere(~np.isfinite(matrix) & off_diagonal)
    if missing.size:
        row, column = missing[0]
        raise ComparisonError(
            f"The reference {name} has {len(missing)} values that are not finite, the first "
            f"between {ids[row]} and {ids[column]}; an RDM needs a value for every pair."
        )
    # some programs leave NaN where a stimulus meets itself
    square = np.where(off_diagonal, matrix, np.nan_to_num(matrix))
    scale = np.abs(square[off_diagonal]).max()
    if np.abs(square - square.T).max() > _TOLERANCE * scale:
        raise ComparisonError(f"The reference {name} is not symmetric, so it is no RDM.")
    if np.abs(square.diagonal()).max() > _TOLERANCE * scale:
        raise ComparisonError(
            f"The reference {name} has {square.diagonal().max():.3g} on its diagonal, where an RDM "
            "has 0; if these are similarities, store 1 - similarity."
        )
    vector: Doubles = squareform((square + square.T) / 2, checks=False)
    if not np.ptp(vector):
        raise ComparisonError(
            f"The reference {name} has one value for all pairs; it orders nothing."
        )
    return vector


def _labelled(vectors: list[Doubles], ids: Sequence[str], *, subjects: Sequence[str]) -> RDMs:
    names = subjects or [f"{number}" for number in range(1, len(vectors) + 1)]
    return make_rdms(np.array(vectors), stimulus_ids=ids, rows={"subject": names})


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
