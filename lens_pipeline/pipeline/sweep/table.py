"""The tables of a sweep: what it will cost, how far it is, and the scores of all jobs joined.

Read from the run folders as they are on disk, without pandas: a sweep of which nothing is left to
do answers at once.
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import LensError
from lens_pipeline.pipeline.config import plain_config
from lens_pipeline.pipeline.console import size_text, text_table, time_text
from lens_pipeline.pipeline.job.freshness import flat
from lens_pipeline.pipeline.job.record import Record, read_record
from lens_pipeline.pipeline.job.time_shares import time_shares
from lens_pipeline.pipeline.sweep.record import TABLE, SweepRecord

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lens_pipeline.pipeline.job.budget import Bill
    from lens_pipeline.pipeline.sweep.record import Entry

_SCORES = "scores.csv"
# Columns that say which job a row is of, before those of the scores.
_FIRST = ("model", "weights", "seed")
# Columns where a job has no scores, because it has no reference.
_LAYERS = ("layer", "pass", "score")
# Settings that say where and how fast, not what.
_INCIDENTAL = ("run.", "executor.", "model.source", "model.name", "model.weights", "model.seed")


def plan_table(record: SweepRecord, bills: Mapping[str, Bill]) -> str:
    """Return a row per job with what it will cost, and their sum."""
    header = ("job", "stimuli", "to do", "on disk", "memory", "time")
    rows = [_plan_row(name, entry, bills.get(name)) for name, entry in record.entries.items()]
    every = list(bills.values())
    seconds = time_text(sum(bill.seconds for bill in every))
    total = (
        f"{len(every)} of {len(rows)} jobs to do: {size_text(sum(bill.disk for bill in every))} on "
        f"disk, {size_text(max((bill.memory for bill in every), default=0))} for a worker, "
        f"{seconds} of forward passes on one worker"
    )
    return "\n".join([text_table(header, rows), "", total])


def _plan_row(name: str, entry: Entry, bill: Bill | None) -> tuple[str, ...]:
    if bill is None:
        return name, "", "failed" if entry.failure else "done", "", "", ""
    return (
        name,
        str(bill.n_stimuli),
        str(bill.n_left),
        size_text(bill.disk),
        size_text(bill.memory),
        time_text(bill.seconds),
    )


def closing_words(record: SweepRecord) -> str:
    """Return a row per job with what came of it, where the time went, where the joined table is.

    Why jobs failed stands below the rows, each reason once: a sentence would tear them apart.
    """
    rows = []
    for name, entry in record.entries.items():
        state, best = ("failed", "") if entry.failure else ("done", _best(entry.folder))
        rows.append((name, state, best, str(entry.folder or "")))
    reasons: dict[str, list[str]] = {}
    for name, reason in record.failures().items():
        reasons.setdefault(reason, []).append(name)
    failed = [f"failed {' and '.join(names)}: {reason}" for reason, names in reasons.items()]
    table = text_table(("job", "state", "best score", "folder"), rows)
    counts = Counter(state for _, state, _, _ in rows)
    told = ", ".join(f"{n} {state}" for state, n in counts.items())
    records = [_record(entry.folder) for entry in record.entries.values() if entry.folder]
    shares = time_shares(one.seconds for one in records if one)
    return "\n".join([table, "", *failed, *shares, f"{told}; all scores: {record.folder / TABLE}"])


def _best(folder: Path | None) -> str:
    rows = [row for row in _scores(folder) if row.get("score")] if folder else []
    if not rows:
        return ""
    best = max(rows, key=lambda row: float(row["score"]))
    return f"{float(best['score']):.3f} {best['layer']}:{best['pass']} {best['reference']}"


def write_table(record: SweepRecord) -> None:
    """Write sweep.csv: the scores of all jobs that are done, each row with its job's settings.

    A job without a reference has a row per layer and pass, and no score.
    """
    from lens_pipeline.atomic import write_text

    varied = varied_settings(record)
    rows = [row for entry in record.entries.values() for row in _rows(entry, varied)]
    columns = list(
        dict.fromkeys([*_FIRST, *varied, *_LAYERS, *(key for row in rows for key in row)])
    )
    # what differs least comes last
    columns = [name for name in columns if name != "folder"] + ["folder"]
    text = io.StringIO()
    table = csv.DictWriter(text, columns, lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(record.folder / TABLE, text.getvalue())


def varied_settings(record: SweepRecord) -> tuple[str, ...]:
    """Return the settings in which jobs differ, beside the model, its weights and its seed."""
    settings = [dict(flat(plain_config(entry.config))) for entry in record.entries.values()]
    names = dict.fromkeys(name for one in settings for name in one)
    return tuple(
        name
        for name in names
        if len({str(one.get(name)) for one in settings}) > 1 and not name.startswith(_INCIDENTAL)
    )


def _rows(entry: Entry, varied: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    if entry.failure or entry.folder is None:
        return
    model, settings = entry.config.model, dict(flat(plain_config(entry.config)))
    job = {
        "model": model.name,
        "weights": model.weights,
        "seed": model.seed,
        **{name: _cell(settings.get(name)) for name in varied},
        "folder": str(entry.folder),
    }
    scores = _scores(entry.folder)
    for row in scores or _layer_rows(entry.folder):
        yield {**row, **job}


def _scores(folder: Path) -> list[dict[str, str]]:
    path = folder / _SCORES
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _layer_rows(folder: Path) -> Iterator[dict[str, Any]]:
    record = _record(folder)
    for spec in record.structure["layers"] if record else []:
        for number in spec["passes"]:
            yield {"layer": spec["name"], "pass": number}


def _record(folder: Path) -> Record | None:
    try:
        return read_record(folder)
    except LensError:
        return None


def _cell(value: Any) -> Any:
    return " ".join(str(item) for item in value) if isinstance(value, list) else value
