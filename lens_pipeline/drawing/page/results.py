"""Scores and RDMs of a run, by the operation whose output they were made from."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.nn.functional import adaptive_avg_pool2d

from lens_pipeline.drawing.page.graph import names_of
from lens_pipeline.drawing.page.values import grey_png
from lens_pipeline.errors import TraceError, nearest

if TYPE_CHECKING:
    from pathlib import Path

    import pandas as pd
    from rsatoolbox.rdm.rdms import RDMs

    from lens_pipeline.columns import Overview

RDM_SIDE = 92
# columns of scores that are shown; those that a run lacks are empty
_SCORE_COLUMNS = (
    "reference", "region", "time_ms", "measure", "score", "sem", "ci_low", "ci_high",
    "ceiling_lower", "ceiling_upper", "n_stimuli",
)  # fmt: skip


class Results(Protocol):
    """What is read of a run; `open_run` returns one."""

    @property
    def folder(self) -> Path:
        """The run's folder."""

    @property
    def scores(self) -> pd.DataFrame:
        """One row per layer, pass, reference and measure."""

    @property
    def rdms(self) -> RDMs:
        """One RDM per layer and pass that has one."""


def results(o: Overview, run: Results) -> dict[str, Any]:
    """Return by index of the Op the scores and RDMs that a run has of it.

    Raises TraceError where the run has none of the trace's layers, StoreError where it is not
    finished.
    """
    places: dict[tuple[str, int], int] = {}
    for op in o.trace.ops:
        for name in names_of(o, op):
            places.setdefault(name, op.index)
    found: dict[str, Any] = {}
    for (layer, number), result in _all(run):
        op_index = places.get((layer, number))
        if op_index is None:
            continue
        here = found.setdefault(str(op_index), {"name": layer, "pass": number, "scores": []})
        if "png" in result:
            here["rdm"] = result
        else:
            here["scores"].append(result)
    _check(o, run, found, places)
    return {"folder": run.folder.name, "ops": found}


def _all(run: Results) -> list[tuple[tuple[str, int], dict[str, Any]]]:
    scores = [
        (
            (str(row["layer"]), int(row["pass"])),
            {name: _cell(row.get(name)) for name in _SCORE_COLUMNS},
        )
        for row in run.scores.to_dict("records")
    ]
    rdms = run.rdms
    names = zip(rdms.rdm_descriptors["layer"], rdms.rdm_descriptors["pass"], strict=True)
    measure = str(rdms.dissimilarity_measure)
    return scores + [
        ((str(layer), int(number)), {"png": _rdm_png(vector), "measure": measure})
        for (layer, number), vector in zip(names, rdms.dissimilarities, strict=True)
    ]


def _cell(value: Any) -> str | int | float | None:
    """Return a cell of a data frame as a value of Python; a missing one is None."""
    if isinstance(value, str):
        return value or None
    if isinstance(value, Integral):
        return int(value)
    known = isinstance(value, Real) and not math.isnan(float(value))
    return float(value) if known else None


def _rdm_png(vector: Any) -> str:
    """Return the matrix of a condensed vector, alike dark, averaged to at most RDM_SIDE."""
    n = round((1 + math.sqrt(1 + 8 * len(vector))) / 2)
    matrix = torch.zeros(n, n)
    rows, columns = torch.triu_indices(n, n, 1)
    matrix[rows, columns] = torch.as_tensor(vector, dtype=torch.float32)
    side = min(n, RDM_SIDE)
    matrix = adaptive_avg_pool2d((matrix + matrix.T)[None], (side, side))[0]
    high = matrix.max().clamp(min=1e-30)
    return grey_png((matrix / high * 255).clamp(0, 255).round().to(torch.uint8))


def _check(
    o: Overview, run: Results, found: dict[str, Any], places: dict[tuple[str, int], int]
) -> None:
    layers = [str(layer) for layer in dict.fromkeys(run.rdms.rdm_descriptors["layer"])]
    if found or not layers:
        return
    close = nearest(layers[0], [name for name, _ in places])
    raise TraceError(
        f"The run in {run.folder} has no layer of {o.trace.model_name}: its first is {layers[0]!r} "
        f"({close}); give the run of this model."
    )
