"""What is said when a job is done: what was written, what was left out, what to look at first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.pipeline.config import NO_RDMS
from lens_pipeline.pipeline.console import size_text, time_text
from lens_pipeline.pipeline.job.time_shares import time_shares

if TYPE_CHECKING:
    from lens_pipeline.pipeline.job.record import Record

# File or folder of a run -> what it is, in the order in which to say it.
_CONTENTS = {
    "report.html": "everything on one page: open it in a browser",
    "activations.nc": "every layer, pass and stimulus: xarray.open_datatree",
    "shards": "the values that activations.nc shows; keep both together",
    "rdms.nc": "RDMs by layer and pass",
    "scores.csv": "scores with intervals and p-values, one a row; also as parquet",
    "comparisons.csv": "layers and passes tested against each other",
    "choices.csv": "the best layer, chosen and scored on different stimuli; parts.csv says which",
    "fitted.csv": "models fitted to some stimuli and subjects, scored on others",
    "layers.csv": "layers compared with each other",
    "cka.csv": "linear CKA, debiased, of layers with each other",
    "time.csv": "scores of each pass in its own window of time",
    "encoding.csv": "units predicted from layers; each unit in encoding_units.parquet",
    "health.csv": "dead and constant units, dimensions: which layers to trust",
    "columns.csv": "what every column of these tables holds",
    "figures": "pictures, each with the data behind it as csv",
    "config.yaml": "every setting",
}
# What to open first, the first that is there.
_LOOK = ("figures/scores_", "figures/time_", "figures/layers.png", "figures/rdms.png")


def summary(folder: Path, record: Record, *, fresh: bool) -> str:
    """Return the closing words; `fresh`: nothing had to be done, the results still stand."""
    folder = Path(os.path.relpath(folder)) if folder.is_relative_to(Path.cwd()) else folder
    seconds = time_text(record.seconds.get("all", 0))
    head = f"already complete: {folder}" if fresh else f"done in {seconds}: {folder}"
    lines = [head, *time_shares([record.seconds]), *_written(record), *_left_out(record)]
    rsa = record.config["rsa"]
    if rsa["method"] == NO_RDMS:
        lines.append("no RDMs: rsa.method=none keeps activations alone")
    elif not rsa["reference"] and not record.config["brain"]["files"]:
        lines.append(
            "no reference: layers were compared with each other (rsa.reference=FILE[:KEY])"
        )
    pictures = [path for path in record.outputs if path.endswith(".png")]
    starts = (f"figures/scores_{rsa['measure'][0]}", *_LOOK)
    look = next((path for start in starts for path in pictures if path.startswith(start)), None)
    if look:
        lines.append(f"look at {folder / look}")
    lines.append(f'in Python: from lens_pipeline import open_run; run = open_run("{folder}")')
    return "\n".join(lines)


def _written(record: Record) -> list[str]:
    lines = []
    for name, what in _CONTENTS.items():
        files = [path for path in record.outputs if path == name or path.startswith(f"{name}/")]
        if files:
            size = size_text(sum(record.outputs[path] for path in files))
            lines.append(f"  {name:<15} {size:>9}  {what}")
    return lines


def _left_out(record: Record) -> list[str]:
    refused = record.stimuli.get("refused", [])
    skipped = record.structure.get("skipped", [])
    gaps = record.structure.get("gaps", [])
    lines = [f"left out: {file}: {reason}" for file, reason in refused]
    lines += [f"left out: layer {layer}: {reason}" for layer, reason in skipped]
    lines += [f"left out: {text}" for text in record.analysis.get("left_out", [])]
    return lines + [f"the trace has a gap: {gap}" for gap in gaps]
