"""Validation from the command line: is every operation of this model's trace right.

The model is the one that a run would use, with its weights and its preprocessing, on the first
stimuli of the config. Nothing is written unless the config names a run folder; then the verdict on
every operation and every parent stands there as a table.
"""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.config import read_config
from lens_pipeline.pipeline.console import say

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.validation.report import Report

VERDICTS = "validation.csv"
COLUMNS = ("what", "name", "parent", "verdict", "reason")

# Stimuli in the one batch that is traced; more than one, so that a model which mixes them shows.
_EXAMPLES = 2


def validate_model(plain: Mapping[str, Any], *, sweep: bool = False) -> bool:
    """Validate the config's model on a few of its stimuli, print the report, return whether ok.

    Raises LensError if the model cannot be loaded, or cannot be traced on the stimuli.
    """
    from lens_pipeline.pipeline.job.examples import example_of, running
    from lens_pipeline.pipeline.job.run import torch_threads
    from lens_pipeline.pipeline.job.stages import run_folder
    from lens_pipeline.validation.checking import validate

    config = read_config(plain)
    example = example_of(config, n=_EXAMPLES)
    with torch_threads(config.runtime.threads), running(example):
        report = validate(example.loaded.module, example.batch)
    say(f"{_model(example.loaded)}, on {len(example.batch)} stimuli of {example.stimuli}")
    say(str(report))
    if config.run.folder is not None:
        folder = run_folder(config, stand_in=bool(example.stand_ins), sweep=sweep)
        write_verdicts(folder / VERDICTS, report)
        say(f"every verdict: {folder / VERDICTS}")
    return report.ok


def write_verdicts(path: Path, report: Report) -> None:
    """Write the verdict on the trace as a whole, on every operation and on every parent, as csv."""
    from lens_pipeline.atomic import write_text

    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    table.writerows(_rows(report))
    write_text(path, text.getvalue())


def _rows(report: Report) -> Iterator[tuple[str, str, str, str, str]]:
    for check in report.checks:
        yield "trace", check.name, "", check.outcome, check.reason
    for verdict in report.ops:
        yield "operation", verdict.label, "", verdict.outcome, verdict.reason
        for edge in verdict.edges:
            parent = report.ops[edge.parent].label
            yield "parent", verdict.label, parent, edge.outcome, edge.reason


def _model(loaded: LoadedModel) -> str:
    spec = loaded.spec
    seed = f" (seed {spec.seed})" if spec.weights == "random" else ""
    return f"{spec.name} with {spec.weights} weights{seed}"
