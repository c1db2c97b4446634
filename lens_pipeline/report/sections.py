"""The sections of a report: what the files of a run say, in words and small tables."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import pandas as pd

    from lens_pipeline.report.contents import RunContents

Facts = tuple[tuple[str, str], ...]


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
    # corrected for the number of tests; NaN where nothing was resampled
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


def facts(contents: RunContents) -> tuple[tuple[str, Facts], ...]:
    """Return headed lists of what was compared: model, stimuli, layers, comparison, computation."""
    record, config = contents.record, contents.record["config"]
    return (
        ("Model", tuple(_model(record))),
        ("Stimuli", tuple(_stimuli(record, config))),
        ("Layers", tuple(_layers(record, config))),
        ("Comparison", tuple(_comparison(record, config))),
        ("Computation", tuple(_computation(record, config))),
    )


def score_tables(scores: pd.DataFrame) -> tuple[ScoreTable, ...]:
    """Return one table per measure."""
    return tuple(_score_table(name, part) for name, part in scores.groupby("measure", sort=False))


def choice_sentences(choices: pd.DataFrame) -> tuple[str, ...]:
    """Say which layer was chosen on one part of the data and what it scores on the other."""
    return tuple(
        f"{row['reference']}, {row['measure']}: {layer_name(row['layer'], row['pass'])} was chosen "
        f"on part {row['part']} ({row['n_stimuli_choosing']} stimuli) and scores "
        f"{row['score']:.3f} on {row['n_stimuli']} others."
        for row in _rows(choices)
    )


def layer_name(layer: str, number: float) -> str:
    """Return the name of a layer and pass as a selector would give it."""
    return f"{layer}:{int(number)}"


def duration(seconds: float) -> str:
    """Return a time for a person.

    >>> duration(75), duration(3.21)
    ('1 min 15 s', '3.2 s')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _model(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    model, structure = record["model"], record["structure"]
    yield "name", f"{model['name']} ({model['source']})"
    seed = f", seed {model['seed']}" if model["weights"] == "random" else ""
    yield "weights", f"{model['weights']}{seed}"
    yield "weights digest", str(structure.get("weights_digest", "unknown"))
    yield "graph digest", str(structure.get("digest", "unknown"))
    if model.get("arguments"):
        yield "arguments", _pairs(model["arguments"])
    yield "preprocessing", _pairs(structure.get("preprocessing") or {"transform": "the user's own"})
    if model.get("preprocessing"):
        yield "differs from what the weights state", _pairs(model["preprocessing"])


def _stimuli(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    stimuli = record["stimuli"]
    yield "set", f"{stimuli['name']}, {stimuli['n']} stimuli"
    if stimuli.get("found") not in (None, stimuli["n"]):
        yield "files found", str(stimuli["found"])
    if stimuli.get("refused"):
        yield "refused", str(len(stimuli["refused"]))
    if config["stimuli"].get("limit"):
        yield "limited to", str(config["stimuli"]["limit"])
    yield "digest of ids and files", str(stimuli["listing"])


def _layers(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    layers = record["structure"]["layers"]
    passes = sum(len(layer["passes"]) for layer in layers)
    yield "selected", ", ".join(config["layers"])
    yield "found", f"{len({layer['name'] for layer in layers})} layers, {passes} passes"
    if config["postfunction"]:
        yield "postfunctions", ", ".join(config["postfunction"])
    left_out = record["analysis"].get("left_out") or ()
    if left_out:
        yield "left out", "; ".join(str(item) for item in left_out)


def _comparison(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    rsa = config["rsa"]
    yield "dissimilarity", str(rsa["method"])
    yield "similarity of RDMs", ", ".join(rsa["measure"])
    for name, account in (record["analysis"].get("references") or {}).items():
        yield f"reference {name}", str(account)


def _computation(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    runtime = config["runtime"]
    yield "mode", f"{runtime.get('mode', 'exact')}, device {runtime['device']}"
    yield "threads", f"{runtime['threads']} a worker, batches of {runtime['batch_size']}"
    yield "executor", f"{config['executor']['name']}, {config['executor']['workers']} workers"
    for name, seconds in record.get("seconds", {}).items():
        yield f"time, {name}", duration(seconds)
    yield "versions", _pairs(record["versions"])


def _pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in mapping.items())


def _score_table(measure: Any, scores: pd.DataFrame) -> ScoreTable:
    columns = list(dict.fromkeys(_column(row) for row in _rows(scores)))
    best: dict[tuple[str, str], dict[str, Any]] = {}
    for row in _rows(scores):
        key = (layer_name(row["layer"], row["pass"]), _column(row))
        if key not in best or row["score"] > best[key]["score"]:
            best[key] = row
    ends = [
        value
        for row in best.values()
        for value in (row["score"], *(_number(row, name) for name in _ENDS))
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
    )


_ENDS = ("ci_low", "ci_high", "ceiling_lower", "ceiling_upper")


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in table.to_dict("records")]


def _column(row: Mapping[str, Any]) -> str:
    region = row.get("region")
    with_region = isinstance(region, str) and region not in row["reference"]
    return f"{row['reference']} {region}" if with_region else str(row["reference"])


def _cell(row: Mapping[str, Any] | None, largest: float) -> Cell | None:
    if row is None or not math.isfinite(row["score"]):
        return None
    time = _number(row, "time_ms")
    return Cell(
        score=float(row["score"]),
        low=_number(row, "ci_low"),
        high=_number(row, "ci_high"),
        ceiling_low=_number(row, "ceiling_lower"),
        ceiling_high=_number(row, "ceiling_upper"),
        p=_number(row, "p_corrected"),
        time=time if math.isfinite(time) else None,
        weight=abs(float(row["score"])) / largest,
    )


def _number(row: Mapping[str, Any], name: str) -> float:
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
