"""What a run is compared with: RDMs of brains, behaviour or other models, joined by stimulus id.

What is promised: rows are matched by id, or by position only when that was said; what either side
has and the other has not is counted; and a matrix that is not an RDM is refused before anything is
computed. A file of several regions or times gives one reference for each of them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial.distance import squareform

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.rdms import dissimilarities, make_rdms
from lens_pipeline.rsa.references.files import read_reference
from lens_pipeline.rsa.references.joining import ALIGNMENTS, Account, describe, match, some
from lens_pipeline.rsa.references.matrices import Matrices, Table
from lens_pipeline.rsa.references.response_rdms import Reading, check_reading, record, response_rdms
from lens_pipeline.rsa.references.responses import Responses
from lens_pipeline.rsa.scatter import Doubles, NoRdmError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rsatoolbox.rdm.rdms import RDMs

    from lens_pipeline.rsa.references.files import Found

__all__ = [
    "Account",
    "Reading",
    "Reference",
    "describe",
    "open_reference",
    "open_references",
    "read_found",
    "split_key",
]

# relative to the largest value: how far a matrix may be from symmetric, or its diagonal from zero
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Reference:
    """One RDM, or one per subject, of the stimuli in common, in the order of the run."""

    # "rdms_it:human_IT": the stem of the file and the key, then region and time where there are
    name: str
    # pattern_descriptors: stimulus_id, as the run writes it; rdm_descriptors: subject
    rdms: RDMs
    account: Account
    n_subjects: int
    # empty where the file names no regions
    region: str = ""
    # start of the time bin in ms; None where the data have no time axis
    time: float | None = None


def open_reference(
    text: str, *, stimulus_ids: Sequence[str], align: str = "id", method: str = "correlation"
) -> Reference:
    """Read the one reference that `FILE[:KEY]` holds and match it with the stimuli of a run.

    `method` makes the RDM where the file is a table of features or responses. Raises
    ComparisonError for a file, ids or values that do not fit, and for several regions or times.
    """
    reading = Reading(align=align, method=method)
    found = open_references(text, stimulus_ids=stimulus_ids, reading=reading)
    if len(found) > 1:
        names = some([one.name for one in found])
        raise ComparisonError(
            f"{text} holds {len(found)} references ({names}), not one; open_references gives all."
        )
    return found[0]


def open_references(
    text: str, *, stimulus_ids: Sequence[str], reading: Reading | None = None
) -> tuple[Reference, ...]:
    """Read `FILE[:KEY]`, one reference per region and time, matched with the stimuli of a run.

    Raises ComparisonError for a file, ids or values that do not fit.
    """
    reading = reading or Reading()
    if reading.align not in ALIGNMENTS:
        near = nearest(reading.align, ALIGNMENTS)
        raise ComparisonError(f"There is no rsa.align={reading.align}; {near}.")
    check_reading(reading)
    found, name = read_found(text, reading=reading)
    if isinstance(found, Responses):
        return _of_responses(found, stimulus_ids, reading=reading, name=name)
    run_rows, rows, account = match(
        stimulus_ids, found.ids, n_rows=found.values.shape[-2], align=reading.align, name=name
    )
    ids = tuple(stimulus_ids[row] for row in run_rows)
    if isinstance(found, Table):
        matrix = _of_table(found.values[rows], ids, method=reading.method, name=name)
        return (_reference(name, [_condensed(matrix, ids, name=name)], ids, account=account),)
    return _of_matrices(found, rows, ids, reading=reading, account=account, name=name)


def read_found(text: str, *, reading: Reading) -> tuple[Found, str]:
    """Return what `FILE[:KEY]` holds, with the ids that are given where it has none; and its name.

    Raises ComparisonError for a file that cannot be read without guessing.
    """
    path, key = split_key(text)
    found = read_reference(path, key)
    if found.ids is None and reading.ids is not None:
        found = replace(found, ids=reading.ids)
    return found, path.stem + (f":{key}" if key else "")


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
        f"The reference {text} names no file that exists, seen from {Path.cwd()}; give the path of "
        "one, as FILE[:KEY]."
    )


def _of_responses(
    found: Responses, stimulus_ids: Sequence[str], *, reading: Reading, name: str
) -> tuple[Reference, ...]:
    recorded = record(found, stimulus_ids, reading=reading, name=name)
    ids = recorded.groups[0].repeats.stimulus_ids
    return tuple(
        replace(
            _reference(
                _name(name, region, time),
                [_varied(vector, name=_name(name, region, time)) for vector in of.values()],
                ids,
                account=recorded.account,
                subjects=list(of) if all(of) else (),
            ),
            region=region,
            time=time,
        )
        for (region, time), of in response_rdms(recorded, reading=reading, name=name).items()
    )


def _of_matrices(
    found: Matrices,
    rows: Sequence[int],
    ids: Sequence[str],
    *,
    reading: Reading,
    account: Account,
    name: str,
) -> tuple[Reference, ...]:
    n = len(found.values)
    regions, times = found.regions or ("",) * n, found.times or (None,) * n
    subjects = found.names or ("",) * n
    _check_chosen(reading.regions, regions, what="region", name=name)
    _check_chosen(reading.subjects, subjects, what="subject", name=name)
    references = []
    for part in dict.fromkeys(zip(regions, times, strict=True)):
        if reading.regions and part[0] not in reading.regions:
            continue
        at = [
            row
            for row in range(n)
            if (regions[row], times[row]) == part
            and (not reading.subjects or subjects[row] in reading.subjects)
        ]
        title = _name(name, *part)
        vectors = [_condensed(found.values[row][np.ix_(rows, rows)], ids, name=title) for row in at]
        of = [subjects[row] for row in at] if found.names else ()
        made = _reference(title, vectors, ids, account=account, subjects=of)
        references.append(replace(made, region=part[0], time=part[1]))
    return tuple(references)


def _check_chosen(wanted: Sequence[str], have: Sequence[str], *, what: str, name: str) -> None:
    for one in wanted:
        if one not in have:
            near = nearest(one, dict.fromkeys(filter(None, have)))
            raise ComparisonError(f"The reference {name} has no {what} {one!r}; {near}.")


def _name(name: str, region: str, time: float | None) -> str:
    return name + (f":{region}" if region else "") + (f"@{time:g}ms" if time is not None else "")


def _of_table(values: Doubles, ids: Sequence[str], *, method: str, name: str) -> Doubles:
    try:
        vector = dissimilarities(lambda: [values], method=method)
    except NoRdmError as error:
        of = f" ({some([ids[row] for row in error.stimuli])})" if error.stimuli else ""
        raise ComparisonError(
            f"The features {name} give no {method} RDM: {error}{of}; choose other columns with "
            "FILE:COLUMN+COLUMN or another rsa.method."
        ) from error
    matrix: Doubles = squareform(vector)
    return matrix


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
        raise ComparisonError(
            f"The reference {name} is not symmetric, so it is no RDM; if these are responses, add "
            "an array dims=[stimulus, unit] beside them."
        )
    if np.abs(square.diagonal()).max() > _TOLERANCE * scale:
        raise ComparisonError(
            f"The reference {name} has {square.diagonal().max():.3g} on its diagonal, where an RDM "
            "has 0; if these are similarities, store 1 - similarity."
        )
    vector: Doubles = squareform((square + square.T) / 2, checks=False)
    return _varied(vector, name=name)


def _varied(vector: Doubles, *, name: str) -> Doubles:
    if not np.ptp(vector):
        raise ComparisonError(
            f"The reference {name} has one value for all pairs; it orders nothing."
        )
    return vector


def _reference(
    name: str,
    vectors: Sequence[Doubles],
    ids: Sequence[str],
    *,
    account: Account,
    subjects: Sequence[str] = (),
) -> Reference:
    names = subjects or [f"{number}" for number in range(1, len(vectors) + 1)]
    rdms = make_rdms(np.array(vectors), stimulus_ids=ids, rows={"subject": names})
    return Reference(name, rdms, account, len(vectors))
