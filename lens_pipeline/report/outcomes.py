"""What came out of a run, in sentences: what is best, by how much, and how sure that is.

For each reference and measure: the best layer and pass with its interval and the noise ceiling, the
next best and which others cannot be told apart from it, and the score of what other data chose.
Nothing is computed here; every number stands in scores.csv, comparisons.csv or choices.csv.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.report.sections import column_name, layer_name, number_of, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

Row = dict[str, Any]
# a corrected p-value below it is called a difference
LEVEL = 0.05
# names in one sentence
_MOST_NAMES = 6


@dataclass(frozen=True)
class Outcome:
    """What one reference says by one measure."""

    reference: str
    # what was measured and on how much: "spearman, 92 stimuli, 15 subjects"
    measured: str
    sentences: tuple[str, ...]


def outcomes(tables: Mapping[str, pd.DataFrame]) -> tuple[Outcome, ...]:
    """Return an Outcome per reference and measure of a run's tables, in the order of the scores."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in rows_of(tables["scores"]) if len(tables.get("scores", ())) else ():
        if math.isfinite(row["score"]):
            grouped.setdefault((column_name(row), str(row["measure"])), []).append(row)
    return tuple(
        Outcome(name, _measured(rows[0]), tuple(_sentences(rows, tables)))
        for (name, _), rows in grouped.items()
    )


def _measured(row: Row) -> str:
    counts = [
        f"{int(row[key])} {what}"
        for key, what in (("n_stimuli", "stimuli"), ("n_subjects", "subjects"))
        if number_of(row, key) > 1
    ]
    return ", ".join([str(row["measure"]), *counts])


def _sentences(rows: Sequence[Row], tables: Mapping[str, pd.DataFrame]) -> Iterator[str]:
    ranked = sorted(rows, key=lambda row: -row["score"])
    best, plain = ranked[0], all(row["pass"] == 1 for row in rows)
    times = {row["time_ms"] for row in rows if _is_timed(row)}
    places = dict.fromkeys(_key(row) for row in ranked)
    yield _best(best, plain=plain)
    if len(times) > 1:
        yield _picked(best, n_places=len(places), n_times=len(times))
        return
    pairs = _of(tables.get("comparisons"), best)
    if len(places) > 1 and pairs:
        yield from _others(list(places), pairs, plain=plain)
    if len(places) > 1:
        yield _chosen(best, _of(tables.get("choices"), best), n=len(places), plain=plain)


def _best(row: Row, *, plain: bool) -> str:
    interval = f" {_interval(row)}" if math.isfinite(number_of(row, "ci_low")) else ""
    at = f" at {row['time_ms']:g} ms" if _is_timed(row) else ""
    p = number_of(row, "p_corrected")
    above = "above 0" if p < LEVEL else "not shown to be above 0"
    sure = f", {above} ({p_words(p)})" if math.isfinite(p) else ""
    name = _name(_key(row), plain=plain)
    return f"Best: {name}{at}, {row['score']:.3f}{interval}{sure}; {_ceiling(row)}."


def _picked(best: Row, *, n_places: int, n_times: int) -> str:
    tested = math.isfinite(number_of(best, "p_corrected"))
    return (
        f"It was picked from {n_places} layers and passes at {n_times} times by this very score, "
        "which is therefore too high; "
        + ("its p is corrected for all of them." if tested else "rsa.bootstrap=N would test it.")
    )


def _interval(row: Row) -> str:
    return f"[{number_of(row, 'ci_low'):.3f}, {number_of(row, 'ci_high'):.3f}]"


def _is_timed(row: Row) -> bool:
    return math.isfinite(number_of(row, "time_ms"))


def _ceiling(row: Row) -> str:
    lower, upper = number_of(row, "ceiling_lower"), number_of(row, "ceiling_upper")
    if not math.isfinite(lower):
        return "no noise ceiling, which takes two subjects"
    p = number_of(row, "p_ceiling")
    if not math.isfinite(p):
        how = ""
    elif p >= LEVEL:
        how = ", from which it cannot be told apart"
    else:
        how = ", above it" if row["score"] > lower else ", which it does not reach"
    return f"noise ceiling {lower:.3f} to {upper:.3f}{how}"


def _others(
    places: Sequence[tuple[str, int]], pairs: Sequence[Row], *, plain: bool
) -> Iterator[str]:
    """Say of the next best whether it differs, and which others do not."""
    best, following = places[0], places[1]
    found: dict[tuple[str, int], Row] = {}
    for row in pairs:
        one, other = _key(row), (str(row["other_layer"]), int(row["other_pass"]))
        if best in {one, other}:
            found[other if one == best else one] = row
    if following not in found:
        return
    row = found[following]
    verdict = "lower" if row["p_corrected"] < LEVEL else "cannot be told apart from it"
    numbers = f"difference {abs(row['difference']):.3f}, {p_words(row['p_corrected'])}"
    yield f"Next: {_name(following, plain=plain)}, {verdict} ({numbers})."
    alike = [
        _name(place, plain=plain)
        for place in places[2:]
        if place in found and not found[place]["p_corrected"] < LEVEL
    ]
    if alike:
        more = f" and {len(alike) - _MOST_NAMES} more" if len(alike) > _MOST_NAMES else ""
        names = ", ".join(alike[:_MOST_NAMES])
        yield f"Others that cannot be told apart from the best: {names}{more}."


def _chosen(best: Row, choices: Sequence[Row], *, n: int, plain: bool) -> str:
    if not choices:
        return (
            f"It was picked as the best of {n} by this very score, which is therefore too high; "
            "no layer was chosen on other data."
        )
    mean = sum(row["score"] for row in choices) / len(choices)
    names = dict.fromkeys(_name(_key(row), plain=plain) for row in choices)
    parted = "stimuli and subjects" if choices[0].get("parted") == "both" else "stimuli"
    known = all(math.isfinite(number_of(row, "ci_low")) for row in choices)
    each = f", whose intervals are {' and '.join(map(_interval, choices))}" if known else ""
    return (
        f"To report: {mean:.3f}, the score on {parted} that had no say in the choice of the layer "
        f"({' or '.join(names)}; mean of {len(choices)} parts{each}). The best of {n}, "
        f"{best['score']:.3f}, was picked by its score."
    )


def p_words(p: float) -> str:
    """Return a corrected p-value in words.

    >>> p_words(0.0312), p_words(1e-9)
    ('corrected p 0.031', 'corrected p < 0.001')
    """
    return "corrected p < 0.001" if p < 0.001 else f"corrected p {p:.3f}"


def _of(table: pd.DataFrame | None, like: Row) -> list[Row]:
    """Return the rows of a table about the reference and measure of a row."""
    if table is None:
        return []
    same = (table["reference"] == like["reference"]) & (table["measure"] == like["measure"])
    return rows_of(table[same])


def _key(row: Row) -> tuple[str, int]:
    return str(row["layer"]), int(row["pass"])


def _name(place: tuple[str, int], *, plain: bool) -> str:
    return place[0] if plain else layer_name(*place)
