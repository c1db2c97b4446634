"""The sections of a report on what was done: inputs, layers, comparison, time, versions."""

from __future__ import annotations

import json
import math
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.report.sections import untimed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from lens_pipeline.report.contents import RunContents

Facts = tuple[tuple[str, str], ...]
# (what, how long, share of all from 0 to 1)
Share = tuple[str, str, float]
_UNITS = ("B", "kB", "MB", "GB", "TB")
# Measured facts of a layer, in the order of the table; others follow by name.
_MEASURED = {
    "difference_by_batch": "batch of 1 or more",
    "difference_by_threads": "1 or more threads",
}
_KNOWN = {"aliases"}
# Settings of rsa that are said where they are set.
_SETTINGS = {
    "noise": "noise covariance",
    "time_mapping": "passes in time",
    "fitted": "fitted models",
    "average": "averaged by",
}
# The kinds of work that tasks count seconds of.
_TASKS = "tasks, "


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


def headline(record: Mapping[str, Any]) -> tuple[str, str]:
    """Return what was seen by what, and a sentence on how much that is and how long it took."""
    _, weights, stimuli, layers, passes, time = run_cells(record)
    took = f"; computed in {time}" if time else ""
    sentence = f"Weights {weights}; {stimuli}; {layers} layers, {passes} passes{took}."
    return f"{record['model']['name']} on {record['stimuli']['name']}", sentence


RUN_COLUMNS = ("model", "weights", "stimuli", "layers", "passes", "time")


def run_cells(record: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Return what a run is, by RUN_COLUMNS; empty cells where it has no record."""
    if record is None:
        return ("",) * len(RUN_COLUMNS)
    model, stimuli, layers = record["model"], record["stimuli"], record["structure"]["layers"]
    seed = f", seed {model['seed']}" if model["weights"] == "random" else ""
    seconds = (record.get("seconds") or {}).get("all")
    return (
        str(model["name"]),
        f"{Path(str(model['weights'])).name}{seed}",
        f"{stimuli['n']} of {stimuli['name']}",
        str(len({layer["name"] for layer in layers})),
        str(sum(len(layer["passes"]) for layer in layers)),
        "" if seconds is None else duration(seconds),
    )


def layer_rows(record: Mapping[str, Any]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Return header and rows of the table of layers: what they are and what was measured of them.

    Differences are relative to the largest value of a layer; 0 means the same bits.
    """
    layers = record["structure"]["layers"]
    attrs = [layer.get("attrs") or {} for layer in layers]
    found = dict.fromkeys(key for one in attrs for key in one if key not in _KNOWN)
    measured = [key for key in _MEASURED if key in found]
    measured += [key for key in found if key not in _MEASURED]
    header = ("layer", "also called", "passes", "shape", *(_MEASURED.get(k, k) for k in measured))
    rows = [
        (
            str(layer["name"]),
            ", ".join(json.loads(of.get("aliases", "[]"))),
            str(len(layer["passes"])),
            " x ".join(str(n) for n in layer.get("shape", ())) or "1",
            *(_measure(of.get(key)) for key in measured),
        )
        for layer, of in zip(layers, attrs, strict=True)
    ]
    return header, rows


def time_shares(record: Mapping[str, Any]) -> tuple[tuple[str, tuple[Share, ...]], ...]:
    """Return headed lists of (what, how long, share): stages, and work of tasks."""
    seconds = record.get("seconds") or {}
    stages = {k: s for k, s in seconds.items() if k != "all" and not k.startswith(_TASKS)}
    tasks = {k.removeprefix(_TASKS): s for k, s in seconds.items() if k.startswith(_TASKS)}
    return tuple(
        (title, tuple((name, duration(s), s / (sum(of.values()) or 1)) for name, s in of.items()))
        for title, of in (("Stages", stages), ("Tasks, of all workers together", tasks))
        if of
    )


def reproduce(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return sentences on how far the activations come out the same elsewhere."""
    attrs = [layer.get("attrs") or {} for layer in record["structure"]["layers"]]
    said = []
    for key, what in (
        ("difference_by_batch", "the number of stimuli in a batch"),
        ("difference_by_threads", "the number of threads"),
    ):
        values = [float(one[key]) for one in attrs if key in one]
        if values:
            worst = max(values)
            how = (
                "not at all" if not worst else f"by {worst:.1e} of a layer's largest value at most"
            )
            said.append(f"By measurement, activations depend on {what} {how}.")
    return tuple(said)


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
    for item in record["structure"].get("skipped") or ():
        yield "skipped", ": ".join(str(part) for part in item)
    for gap in record["structure"].get("gaps") or ():
        yield "gap in the trace", str(gap)
    left_out = record["analysis"].get("left_out") or ()
    if left_out:
        yield "left out", "; ".join(str(item) for item in left_out)


def bars(record: Mapping[str, Any]) -> str:
    """Return what the error bars of scores are."""
    rsa = record["config"]["rsa"]
    if rsa.get("bootstrap") == 0:
        return "standard errors over subjects"
    return f"{_level(rsa)} confidence intervals"


def _level(rsa: Mapping[str, Any]) -> str:
    return f"{100 * rsa.get('interval', 0.95):g} %"


def _rdms(rsa: Mapping[str, Any], *, compared: bool) -> Iterator[tuple[str, str]]:
    if rsa["method"] == "none":
        yield "RDMs", "none (rsa.method=none)"
        return
    yield "dissimilarity", str(rsa["method"])
    yield "similarity of RDMs", ", ".join(rsa["measure"])
    for key, words in _SETTINGS.items():
        if rsa.get(key) not in (None, "", [], (), False, 0):
            yield words, _plain(rsa[key])
    if not compared:
        yield "reference", "none was given, so layers are compared with each other alone"
    elif rsa.get("bootstrap") != 0:
        correction = rsa.get("correction", "fdr")
        words = f"{_level(rsa)}, p-values corrected by {correction} within each region"
        yield "intervals", words


def _comparison(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    references = record["analysis"].get("references") or {}
    yield from _rdms(config["rsa"], compared=bool(references))
    brain, encoding = config.get("brain") or {}, config.get("encoding") or {}
    for key in ("name", "regions", "subjects", "method", "normalise"):
        if brain.get("files") and brain.get(key):
            yield f"brain, {key}", _plain(brain[key])
    if encoding.get("methods"):
        by = f" by {encoding['group']}" if encoding.get("group") else ""
        folds = f"{encoding.get('folds', '')} folds{by}"
        yield "encoding models", f"{', '.join(encoding['methods'])}; {folds}"
    times = Counter(map(untimed, references))
    for name, account in {untimed(name): of for name, of in references.items()}.items():
        many = f", {times[name]} times" if times[name] > 1 else ""
        yield f"reference {name}{many}", str(account)
    for path, digest in (record["analysis"].get("reference_files") or {}).items():
        yield f"digest of {Path(path).name}", str(digest)
    if record["analysis"].get("versions"):
        yield "versions, statistics", _pairs(record["analysis"]["versions"])


def _computation(record: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    runtime = config["runtime"]
    yield "mode", f"{runtime.get('mode', 'exact')}, device {runtime['device']}"
    yield "threads", f"{runtime['threads']} a worker, batches of {runtime['batch_size']}"
    workers = config["executor"]["workers"]
    yield "executor", f"{config['executor']['name']}, {workers} worker{'s' * (workers != 1)}"
    structure, n = record["structure"], record["stimuli"]["n"]
    if record.get("slices"):
        yield "tasks", f"{len(record['slices'])}, one shard each"
    if structure.get("bytes_per_stimulus"):
        yield "activations", _size(structure["bytes_per_stimulus"] * n)
    if structure.get("seconds_per_stimulus"):
        yield "planned", f"{duration(structure['seconds_per_stimulus'] * n)} of forward passes"
    if "all" in record.get("seconds", {}):
        yield "time, all in all", duration(record["seconds"]["all"])
    yield "versions", _pairs(record["versions"])


def _plain(value: Any) -> str:
    if isinstance(value, dict):
        return _pairs(value)
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _measure(value: Any) -> str:
    if isinstance(value, float):
        return "0" if not value else f"{value:.2g}" if math.isfinite(value) else str(value)
    return "" if value is None else str(value)


def _size(n_bytes: float) -> str:
    power = min(int(math.log(max(n_bytes, 1), 1000)), len(_UNITS) - 1)
    return f"{n_bytes / 1000**power:.4g} {_UNITS[power]}"


def _pairs(mapping: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in mapping.items())
