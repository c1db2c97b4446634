"""Responses of recorded units to stimuli: one row per presentation, one column per unit.

Voxels, neurons, electrodes and sensors are all units. Every unit may belong to a region and to a
subject; a unit that a subject lacks for some presentations is NaN there, and is looked at only
where it was recorded.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from lens_pipeline.errors import ComparisonError, nearest
from lens_pipeline.rsa.references.matrices import as_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from lens_pipeline.rsa.scatter import Doubles


@dataclass(frozen=True)
class Responses:
    """What was recorded, as a file gives it."""

    # (n_presentations, n_units, n_times); one time where the data have no time axis
    values: Doubles
    # stimulus of each presentation, or None where the file has no ids
    ids: tuple[str, ...] | None
    # which repetition of its stimulus each presentation is; empty: counted as they come
    repetitions: tuple[str, ...] = ()
    # of each unit; empty where the file names none
    regions: tuple[str, ...] = ()
    subjects: tuple[str, ...] = ()
    # start of each time bin in ms; empty where the data have no time axis
    times: tuple[float, ...] = ()


@dataclass(frozen=True)
class Repeats:
    """The responses of one group of units to stimuli in order, every stimulus equally often."""

    # (n_repetitions, n_stimuli, n_units, n_times)
    responses: Doubles
    stimulus_ids: tuple[str, ...]


def from_axes(
    values: npt.NDArray[Any],
    axes: Sequence[str],
    labels: Mapping[str, npt.NDArray[Any]],
    *,
    where: str,
) -> Responses:
    """Return Responses from an array whose dimensions are `axes`, in any order.

    A subject or region axis becomes part of the units, which then carry it as a label.
    """
    twice = [axis for axis, count in Counter(axes).items() if count > 1]
    if twice or not {"stimulus", "unit"} <= set(axes):
        raise ComparisonError(
            f"{where} has the axes {', '.join(axes)}; responses need one of stimuli and one of "
            "units."
        )
    order = ("stimulus", "repetition", "subject", "region", "unit", "time")
    sizes = dict(zip(axes, values.shape, strict=True))
    present = [axis for axis in order if axis in sizes]
    moved = np.transpose(values.astype(np.float64), [list(axes).index(axis) for axis in present])
    rows = [sizes["stimulus"], sizes.get("repetition", 1)]
    units = [sizes.get(axis, 1) for axis in ("subject", "region", "unit")]
    full = moved.reshape(rows[0] * rows[1], int(np.prod(units)), sizes.get("time", 1))
    there = ~np.isnan(full).all(axis=(1, 2))
    ids, repetitions = _of_rows(rows, labels, where=where, has_repetitions="repetition" in sizes)
    return Responses(
        values=full[there],
        ids=None if ids is None else tuple(np.array(ids, dtype=object)[there]),
        repetitions=tuple(np.array(repetitions, dtype=object)[there]) if repetitions else (),
        regions=_of_units("region", sizes, units, labels, where=where),
        subjects=_of_units("subject", sizes, units, labels, where=where),
        times=_times(sizes, labels, where=where),
    )


def _of_rows(
    rows: Sequence[int],
    labels: Mapping[str, npt.NDArray[Any]],
    *,
    where: str,
    has_repetitions: bool,
) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    ids = as_ids(labels["stimulus"]) if "stimulus" in labels else None
    if ids is not None and len(ids) != rows[0]:
        raise ComparisonError(
            f"{where} has {rows[0]} rows but {len(ids)} stimulus ids; give one for each row."
        )
    repetitions = as_ids(labels["repetition"]) if "repetition" in labels else ()
    if has_repetitions:
        names = repetitions or tuple(str(number) for number in range(1, rows[1] + 1))
        return ids and tuple(np.repeat(np.array(ids, dtype=object), rows[1])), names * rows[0]
    if repetitions and len(repetitions) != rows[0]:
        raise ComparisonError(
            f"{where} has {rows[0]} rows but {len(repetitions)} repetitions; number each row's."
        )
    return ids, repetitions


def _of_units(
    axis: str,
    sizes: Mapping[str, int],
    units: Sequence[int],
    labels: Mapping[str, npt.NDArray[Any]],
    *,
    where: str,
) -> tuple[str, ...]:
    at = {"subject": 0, "region": 1}[axis]
    names = as_ids(labels[axis]) if axis in labels else ()
    if axis in sizes:
        names = names or tuple(str(number) for number in range(1, sizes[axis] + 1))
        return tuple(names[place] for place in np.indices(units)[at].ravel())
    if not names or len(names) == int(np.prod(units)):
        return names
    if len(names) == 1:
        return names * int(np.prod(units))
    raise ComparisonError(
        f"{where} has {int(np.prod(units))} units but {len(names)} labels of their {axis}; give "
        "one for each unit, or one for all."
    )


def _times(
    sizes: Mapping[str, int], labels: Mapping[str, npt.NDArray[Any]], *, where: str
) -> tuple[float, ...]:
    if "time" not in sizes:
        return ()
    if "time" not in labels or len(labels["time"]) != sizes["time"]:
        raise ComparisonError(
            f"{where} has a time axis of {sizes['time']} without as many times; add them in ms."
        )
    return tuple(map(float, as_ids(labels["time"])))


def choose_units(
    found: Responses, *, regions: Sequence[str] = (), subjects: Sequence[str] = (), name: str
) -> Responses:
    """Return the responses of the units of these regions and subjects; empty means all.

    Raises ComparisonError for a region or subject that has no unit.
    """
    keep = np.ones(found.values.shape[1], dtype=bool)
    for what, wanted, have in (
        ("region", regions, found.regions),
        ("subject", subjects, found.subjects),
    ):
        for one in wanted:
            if one not in have:
                near = nearest(one, sorted(set(have)))
                raise ComparisonError(f"The reference {name} has no {what} {one!r}; {near}.")
        if wanted:
            keep &= np.isin(have, list(wanted))
    return _units(found, keep)


def by_group(found: Responses, *, pool: bool = False) -> Iterator[tuple[str, str, Responses]]:
    """Yield (region, subject, responses) for every region and subject that has units.

    `pool` takes the units of all subjects together, as one. Presentations in which none of a
    group's units was recorded are left out.
    """
    n_units = found.values.shape[1]
    regions = np.array(found.regions or [""] * n_units, dtype=object)
    subjects = np.array([""] * n_units if pool else found.subjects or [""] * n_units, dtype=object)
    for region in dict.fromkeys(regions):
        for subject in dict.fromkeys(subjects[regions == region]):
            part = _units(found, (regions == region) & (subjects == subject))
            recorded = np.asarray(~np.isnan(part.values).all(axis=(1, 2)))
            yield str(region), str(subject), _rows(part, recorded)


def repeats(found: Responses, stimulus_ids: Sequence[str], *, name: str) -> Repeats:
    """Return the responses to these stimuli in this order, every one as often as the rarest.

    Where a stimulus was shown more often than the rarest, its later presentations are averaged
    into the earlier ones in turn, so that none is lost. Raises ComparisonError for a stimulus
    without a presentation and for values that are not finite.
    """
    rows = _presentations(found, stimulus_ids, name=name)
    n_repeats = min(map(len, rows))
    values = np.stack(
        [
            np.stack([found.values[of[fold::n_repeats]].mean(axis=0) for of in rows])
            for fold in range(n_repeats)
        ]
    )
    wrong = np.argwhere(~np.isfinite(values))
    if wrong.size:
        _, stimulus, unit, _ = wrong[0]
        raise ComparisonError(
            f"The reference {name} has {len(wrong)} responses that are not finite, the first to "
            f"{stimulus_ids[stimulus]} of unit {unit + 1}; leave such units or stimuli out."
        )
    return Repeats(values, tuple(stimulus_ids))


def _presentations(
    found: Responses, stimulus_ids: Sequence[str], *, name: str
) -> list[npt.NDArray[np.intp]]:
    of: dict[str, list[int]] = defaultdict(list)
    for row, stimulus in enumerate(found.ids or ()):
        of[stimulus].append(row)
    absent = [stimulus for stimulus in stimulus_ids if stimulus not in of]
    if absent:
        raise ComparisonError(
            f"The reference {name} has no response to {absent[0]}; choose stimuli that it has."
        )
    if not found.repetitions:
        _check_balanced({stimulus: len(of[stimulus]) for stimulus in stimulus_ids}, name=name)
        return [np.array(of[stimulus]) for stimulus in stimulus_ids]
    numbers = {text: place for place, text in enumerate(sorted(set(found.repetitions), key=_order))}
    for stimulus in stimulus_ids:
        twice = Counter(found.repetitions[row] for row in of[stimulus]).most_common(1)[0]
        if twice[1] > 1:
            raise ComparisonError(
                f"The reference {name} has repetition {twice[0]} of {stimulus} {twice[1]} times; "
                "number the repetitions of a stimulus apart."
            )
    return [
        np.array(sorted(of[stimulus], key=lambda row: numbers[found.repetitions[row]]))
        for stimulus in stimulus_ids
    ]


def _check_balanced(counts: Mapping[str, int], *, name: str) -> None:
    """Refuse some ids on more rows than others, unless the rows say which repetition they are."""
    least, most = min(counts.values()), max(counts.values())
    if most > least:
        twice = [stimulus for stimulus, count in counts.items() if count > least]
        raise ComparisonError(
            f"The reference {name} has {len(twice)} ids on more rows than the others "
            f"({', '.join(twice[:3])}); if they are repeats, number them in `repetition`."
        )


def _order(text: str) -> tuple[float, str]:
    """Return what sorts numbers by value, and before them nothing."""
    try:
        return float(text), ""
    except ValueError:
        return float("inf"), text


def _units(found: Responses, keep: npt.NDArray[np.bool_]) -> Responses:
    return replace(
        found,
        values=found.values[:, keep],
        regions=tuple(np.array(found.regions, dtype=object)[keep]) if found.regions else (),
        subjects=tuple(np.array(found.subjects, dtype=object)[keep]) if found.subjects else (),
    )


def _rows(found: Responses, keep: npt.NDArray[np.bool_]) -> Responses:
    return replace(
        found,
        values=found.values[keep],
        ids=None if found.ids is None else tuple(np.array(found.ids, dtype=object)[keep]),
        repetitions=tuple(np.array(found.repetitions, dtype=object)[keep])
        if found.repetitions
        else (),
    )
