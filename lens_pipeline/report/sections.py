"""The sections of a report on what came out: scores, choices and comparisons of layers."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd


@dataclass(frozen=True)
class Cell:
    """One score."""

    score: float
    # confidence interval; NaN where nothing was resampled
    low: float
    high: float
    # noise ceiling; NaN for a single subject
    ceiling_low: float
    ceiling_high: float
    # corrected for the number of tests, those of other times included; NaN where nothing was tested
    p: float
    # in ms, of the best time for data with a time axis; None for data without
    time: float | None
    # share of the largest score of the table, from 0 to 1
    weight: float


@dataclass(frozen=True)
class ScoreTable:
    """Scores of one measure: a row per layer and pass, a column per reference and region."""

    measure: str
    columns: tuple[str, ...]
    # (name of the row, a cell per column; None where there is no score)
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]
    # ends of the axis that intervals and ceilings are drawn on
    low: float
    high: float
    # whether data with a time axis are shown at the best time of each layer and pass
    timed: bool = False
    # bootstrap draws, "" where nothing was resampled, and of what
    draws: str = ""
    resampled: str = ""


def score_tables(scores: pd.DataFrame) -> tuple[ScoreTable, ...]:
    """Return one table per measure."""
    return tuple(_score_table(name, part) for name, part in scores.groupby("measure", sort=False))


@dataclass(frozen=True)
class Differences:
    """Which layers and passes differ in their score against one reference."""

    reference: str
    measure: str
    # names of layers and passes, and what stands above their columns
    names: tuple[str, ...]
    heads: tuple[str, ...]
    # a row per name: "higher" or "lower" where its score differs from that of the column, else ""
    cells: tuple[tuple[str, ...], ...]
    # pairs that differ, and all
    n_different: int
    n_pairs: int


def differences(comparisons: pd.DataFrame, *, alpha: float = 0.05) -> tuple[Differences, ...]:
    """Return, for each reference and measure, which pairs differ by corrected p below `alpha`.

    Data with a time axis are left out: they have a table for each time.
    """
    whole = [untimed(name) == name for name in map(str, comparisons["reference"])]
    grouped = comparisons.loc[whole].groupby(["reference", "measure"], sort=False)
    return tuple(
        _differences(str(reference), str(measure), rows_of(part), alpha=alpha)
        for (reference, measure), part in grouped
    )


def _differences(
    reference: str, measure: str, rows: list[dict[str, Any]], *, alpha: float
) -> Differences:
    found: dict[tuple[str, str], str] = {}
    names: dict[str, None] = {}
    for row in rows:
        one = layer_name(row["layer"], row["pass"])
        other = layer_name(row["other_layer"], row["other_pass"])
        names.update({one: None, other: None})
        if row["p_corrected"] < alpha:
            up = row["difference"] > 0
            found[one, other], found[other, one] = (
                ("higher", "lower") if up else ("lower", "higher")
            )
    cells = tuple(tuple(found.get((one, other), "") for other in names) for one in names)
    short = max(map(len, names)) <= _LONGEST_HEAD
    numbers = tuple(map(str, range(1, len(names) + 1)))
    labels = tuple(names) if short else tuple(map("{} {}".format, numbers, names))
    return Differences(
        reference=reference,
        measure=measure,
        names=labels,
        heads=labels if short else numbers,
        cells=cells,
        n_different=len(found) // 2,
        n_pairs=len(rows),
    )


# letters of a name that fits above a column; longer ones are numbered
_LONGEST_HEAD = 24


def layer_name(layer: str, number: float) -> str:
    """Return the name of a layer and pass as a selector would give it."""
    return f"{layer}:{int(number)}"


def _score_table(measure: Any, scores: pd.DataFrame) -> ScoreTable:
    columns = list(dict.fromkeys(column_name(row) for row in rows_of(scores)))
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in rows_of(scores):
        key = (layer_name(row["layer"], row["pass"]), column_name(row))
        if key not in best or row["score"] > best[key]["score"]:
            best[key] = row
    ends = [
        value
        for row in best.values()
        for value in (row["score"], *(number_of(row, name) for name in _ENDS))
        if math.isfinite(value)
    ]
    largest = max((abs(row["score"]) for row in best.values()), default=1.0) or 1.0
    names = dict.fromkeys(name for name, _ in best)
    return ScoreTable(
        measure=str(measure),
        columns=tuple(columns),
        rows=tuple(
            (name, tuple(_cell(best.get((name, column)), largest) for column in columns))
            for name in names
        ),
        low=min([*ends, 0.0]),
        high=max([*ends, 0.0]),
        timed=any(math.isfinite(number_of(row, "time_ms")) for row in best.values()),
        draws=_range(scores.get("n_bootstrap", ())),
        resampled=" and ".join(_WORDS[x] for x in _WORDS if x in set(scores.get("resampled", ()))),
    )


_WORDS = {
    "dual": "stimuli and subjects",
    "both": "stimuli and subjects together",
    "stimuli": "stimuli",
    "subjects": "subjects",
}
_ENDS = ("ci_low", "ci_high", "ceiling_lower", "ceiling_upper")


def _range(counts: Iterable[float]) -> str:
    """Return different numbers above 0 as text, the smallest to the largest."""
    found = sorted({int(count) for count in counts if count > 0})
    return " to ".join(dict.fromkeys(str(count) for count in (found[:1] + found[-1:])))


def rows_of(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return each row of a table by the names of its columns."""
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def column_name(row: Mapping[str, Any]) -> str:
    """Return the reference of a score without its time, with its region where that is not in it."""
    name, region = untimed(str(row["reference"])), row.get("region")
    return f"{name} {region}" if isinstance(region, str) and region not in name else name


def untimed(reference: str) -> str:
    """Return the name of a reference without the time that it may end in.

    >>> untimed("meg:IT@170ms"), untimed("it@home")
    ('meg:IT', 'it@home')
    """
    return re.sub(r"@[-+.\de]+ms$", "", reference)


def _cell(row: Mapping[str, Any] | None, largest: float) -> Cell | None:
    if row is None or not math.isfinite(row["score"]):
        return None
    time = number_of(row, "time_ms")
    return Cell(
        score=float(row["score"]),
        low=number_of(row, "ci_low"),
        high=number_of(row, "ci_high"),
        ceiling_low=number_of(row, "ceiling_lower"),
        ceiling_high=number_of(row, "ceiling_upper"),
        p=number_of(row, "p_corrected"),
        time=time if math.isfinite(time) else None,
        weight=abs(float(row["score"])) / largest,
    )


def number_of(row: Mapping[str, Any], name: str) -> float:
    """Return a number of a row, or NaN where there is none."""
    value = row.get(name)
    return float(value) if isinstance(value, int | float) else math.nan


def shown(value: object) -> str:
    """Return a cell of a table: few digits for a number, nothing for what is missing.

    >>> shown(0.123456), shown(float("nan")), shown("relu"), shown(12.0)
    ('0.1235', '', 'relu', '12')
    """
    if isinstance(value, float):
        if math.isnan(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < 1e9 else f"{value:.4g}"
    return str(value)


def plain_table(table: pd.DataFrame) -> tuple[Sequence[str], list[list[str]]]:
    """Return the header and the cells of a table as text."""
    return [str(name) for name in table.columns], [
        [shown(value) for value in row] for row in table.itertuples(index=False)
    ]
