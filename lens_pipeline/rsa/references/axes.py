"""The axes of brain data by the names that files give them: stimulus, repetition, unit, time, ...

Brain-Score, rsatoolbox, MATLAB and hand-made files use many words for the same six axes. The words
are listed here once; an axis that none of them names is an error that lists what was understood.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.matrices import ID_NAMES, Matrices, as_ids, as_matrices
from lens_pipeline.rsa.references.responses import Responses, from_axes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lens_pipeline.rsa.scatter import Doubles

# axis -> words for it; the first is the one that errors and our own tables use
AXES: dict[str, tuple[str, ...]] = {
    "stimulus": (*ID_NAMES, "presentation", "image", "condition", "conds", "stim",
                 "trial"),
    "repetition": ("repetition", "repetitions", "repeat", "rep", "run", "runs", "session",
                   "sessions"),
    "unit": ("unit", "units", "neuroid", "neuroid_id", "neuron", "voxel", "channel", "electrode",
             "sensor", "vertex"),
    "region": ("region", "regions", "roi", "rois", "area", "visual_area"),
    "subject": ("subject", "subjects", "participant", "animal", "monkey"),
    "time": ("time", "times", "time_ms", "time_bin_start", "time_bin", "latency"),
}  # fmt: skip
# axes along which RDMs may lie
_OF_RDMS = ("subject", "region", "time", "repetition")
# words for dimensions that say nothing about which stimulus or unit a place is
_MERE_COUNTS = ("presentation", "trial", "unit", "units", "neuroid")
# an array of such words, one per dimension, for files whose dimensions have no names
DIMS = "dims"


def axis_called(name: str) -> str | None:
    """Return the axis that a word means, or None.

    >>> axis_called("neuroid"), axis_called("stimulus_b"), axis_called("colour")
    ('unit', 'stimulus', None)
    """
    word = name.lower()
    if word == "stimulus_b":
        return "stimulus"
    return next((axis for axis, words in AXES.items() if word in words), None)


def labels_among(names: Iterable[str]) -> dict[str, str]:
    """Return axis -> name for those names that are labels of an axis; of two words the first."""
    there = list(names)
    found = {}
    for axis, words in AXES.items():
        usable = [word for word in words if word not in _MERE_COUNTS and word in there]
        if usable:
            found[axis] = usable[0]
    return found


def interpret(
    values: npt.NDArray[Any],
    labels: Mapping[str, npt.NDArray[Any]],
    *,
    dims: Sequence[str] | None = None,
    where: str,
) -> Matrices | Responses:
    """Return RDMs or responses from an array and what labels its axes.

    `labels`: axis -> one label per place along it. `dims`: one word per dimension; without it they
    are inferred from lengths. Raises ComparisonError where two readings are possible.
    """
    if values.dtype.kind not in "fiub":
        raise ComparisonError(f"{where} holds {values.dtype} values; an RDM needs real numbers.")
    named = [_axis(word, where=where) for word in dims] if dims else _inferred(values.shape, labels)
    if named is None:
        return stacked(as_matrices(values, where=where), labels, where=where)
    if len(named) != values.ndim:
        raise ComparisonError(
            f"{where} has {values.ndim} dimensions, but {DIMS} names {named}; name each once."
        )
    if named.count("stimulus") == 2:
        return _matrices(values.astype(np.float64), named, labels, where=where)
    return from_axes(values, named, labels, where=where)


def stacked(matrices: Doubles, labels: Mapping[str, npt.NDArray[Any]], *, where: str) -> Matrices:
    """Return RDMs (k, n, n), each with its own subject, session, region and time by `labels`.

    The sessions of a subject are averaged: as subjects of their own they would count for more
    people than there are. Raises ComparisonError for labels of another number, and for an RDM of
    the same subject, session, region and time as another.
    """
    of = {axis: _of_each(axis, labels, len(matrices), where=where) for axis in _OF_RDMS}
    if of["subject"]:
        _check_once(of, where=where)
        if of["repetition"]:
            matrices, of = _over_sessions(matrices, of)
    ids = labels.get("stimulus")
    return Matrices(
        matrices,
        None if ids is None else as_ids(ids),
        of["subject"] or of["repetition"],
        regions=of["region"],
        times=tuple(map(float, of["time"])),
    )


def _check_once(of: Mapping[str, Sequence[str]], *, where: str) -> None:
    (most, count), *_ = Counter(zip(*filter(None, of.values()), strict=True)).most_common(1)
    if count > 1:
        raise ComparisonError(
            f"{where} has {count} RDMs of {' '.join(most)}; number sessions in `session`, of which "
            "the mean is taken, or leave the others out."
        )


def _over_sessions(
    matrices: Doubles, of: Mapping[str, tuple[str, ...]]
) -> tuple[Doubles, dict[str, tuple[str, ...]]]:
    """Return the mean over sessions for each subject, region and time, and their labels."""
    kept = {axis: names for axis, names in of.items() if names and axis != "repetition"}
    rows: dict[tuple[str, ...], list[int]] = {}
    for row, place in enumerate(zip(*kept.values(), strict=True)):
        rows.setdefault(place, []).append(row)
    columns = dict(zip(kept, zip(*rows, strict=True), strict=True))
    means = np.stack([matrices[of_place].mean(axis=0) for of_place in rows.values()])
    return means, {axis: columns.get(axis, ()) for axis in of}


def _of_each(
    axis: str, labels: Mapping[str, npt.NDArray[Any]], count: int, *, where: str
) -> tuple[str, ...]:
    names = as_ids(labels[axis]) if axis in labels else ()
    if len(names) not in (0, 1, count):
        raise ComparisonError(
            f"{where} has {count} RDMs but {len(names)} labels of their {axis}; give one for each."
        )
    return names * count if len(names) == 1 else names


def _axis(word: str, *, where: str) -> str:
    axis = axis_called(word)
    if axis is None:
        known = ", ".join(AXES)
        raise ComparisonError(f"{where} has a dimension {word!r}, which is none of {known}.")
    return axis


def _inferred(shape: tuple[int, ...], labels: Mapping[str, npt.NDArray[Any]]) -> list[str] | None:
    """Return the axes where the labels' lengths say them; None leaves the array to as_matrices."""
    n = len(labels["stimulus"]) if "stimulus" in labels else None
    if len(shape) >= 2 and shape[-1] == shape[-2] and n in (None, shape[-1]):
        return _leading(shape[:-2], labels)
    if n is None or len(shape) not in (2, 3) or _is_triangle(shape, n):
        return None
    if shape[0] == n:
        if len(shape) == 2:
            return ["stimulus", "unit"]
        return ["stimulus", "unit", "time"] if _fits(labels, "time", shape[2]) else None
    if len(shape) == 3 and shape[1] == n:
        return ["repetition", "stimulus", "unit"]
    return None


def _is_triangle(shape: tuple[int, ...], n: int) -> bool:
    return shape[-1] == n * (n - 1) // 2 and shape[0] != n


def _leading(lead: tuple[int, ...], labels: Mapping[str, npt.NDArray[Any]]) -> list[str] | None:
    """Return the axes before a square: each must have labels of its length, and only one may.

    Of a plain stack each RDM may have labels of several kinds, so its axis has no one name.
    """
    if len(lead) < 2:
        return None
    found: list[str] = []
    for size in lead:
        fitting = [
            axis for axis in ("subject", "region", "time")
            if _fits(labels, axis, size) and axis not in found
        ]  # fmt: skip
        if len(fitting) != 1:
            return None
        found += fitting
    return [*found, "stimulus", "stimulus"] if found else None


def _fits(labels: Mapping[str, npt.NDArray[Any]], axis: str, size: int) -> bool:
    return axis in labels and len(labels[axis]) == size


def _matrices(
    values: npt.NDArray[Any],
    axes: Sequence[str],
    labels: Mapping[str, npt.NDArray[Any]],
    *,
    where: str,
) -> Matrices:
    lead = [axis for axis in axes if axis != "stimulus"]
    wrong = [axis for axis in lead if axis not in _OF_RDMS]
    twice = [axis for axis, count in Counter(lead).items() if count > 1]
    if wrong or twice:
        raise ComparisonError(f"{where} has RDMs along {(wrong or twice)[0]}, which has no place.")
    order = [at for at, axis in enumerate(axes) if axis != "stimulus"]
    order += [at for at, axis in enumerate(axes) if axis == "stimulus"]
    moved = np.transpose(values, order)
    grid = dict(zip(lead, np.indices(moved.shape[:-2]).reshape(len(lead), -1), strict=True))
    text = {axis: np.array(_along(labels, axis, rows)) for axis, rows in grid.items()}
    return stacked(moved.reshape(-1, *moved.shape[-2:]), {**labels, **text}, where=where)


def _along(
    labels: Mapping[str, npt.NDArray[Any]], axis: str, rows: npt.NDArray[np.intp]
) -> tuple[str, ...]:
    names = as_ids(labels[axis]) if axis in labels else tuple(map(str, range(1, rows.max() + 2)))
    return tuple(names[row] for row in rows)
