"""The plan: which tasks make up a run, and what they will write and need.

Tasks are slices of the stimulus list. Where the cuts are follows from the stimuli and the size of
their activations alone, so a run can be finished by another executor or with other batches: a slice
holds as many stimuli as fit into `run.shard_megabytes`, and at most an eighth of the set or 16
stimuli, whichever is more, so that a small job too can be shared between workers and resumed.
"""

from __future__ import annotations

import dataclasses
import math
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.pipeline.config import NO_RDMS
from lens_pipeline.pipeline.console import size_text, text_table, time_text
from lens_pipeline.pipeline.job.inputs import Inputs, model_digests, stimulus_paths
from lens_pipeline.pipeline.job.record import Slice
from lens_pipeline.pipeline.memory import Need
from lens_pipeline.postfunctions import chain_texts, source_digests
from lens_pipeline.store.schema import LayerSpec, spec_from_json, spec_to_json, stored
from lens_pipeline.task import Runtime, Task, task_key

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from lens_pipeline.pipeline.config import Config

_PARTS = 8
_LEAST = 16


@dataclass(frozen=True)
class Outline:
    """What a probe of the model told, as plain values that a record can hold."""

    # "auto" and "all" resolved
    selectors: tuple[str, ...]
    layers: tuple[LayerSpec, ...]
    # (layer, reason) of what a pattern matched and cannot be kept
    skipped: tuple[tuple[str, str], ...]
    # bytes of activations on disk, uncompressed
    bytes_per_stimulus: int
    seconds_per_stimulus: float
    # bytes of the parameters
    parameter_bytes: int
    # memory of a worker
    need: Need
    # of the weights as they were loaded
    weights_digest: str
    # what is done to each image, by field of Preprocessing; None if the model brings its own
    preprocessing: Mapping[str, Any] | None
    # digest of the traced structure
    digest: str
    # what the trace did not see; empty where it saw every operation
    gaps: tuple[str, ...]


@dataclass(frozen=True)
class Plan:
    """What one run will do."""

    config: Config
    folder: Path
    inputs: Inputs
    outline: Outline
    tasks: tuple[Task, ...]
    # aligned with tasks
    slices: tuple[Slice, ...]


def make_plan(config: Config, inputs: Inputs, *, outline: Outline, folder: Path) -> Plan:
    """Cut the stimuli into tasks."""
    n = len(inputs.stimuli.ids)
    size = slice_size(n, outline.bytes_per_stimulus, megabytes=config.run.shard_megabytes)
    bounds = [(start, min(start + size, n)) for start in range(0, n, size)]
    tasks = tuple(_task(config, inputs, outline, bound) for bound in bounds)
    slices = tuple(
        Slice(start, stop, task_key(task))
        for (start, stop), task in zip(bounds, tasks, strict=True)
    )
    return Plan(config, folder, inputs, outline, tasks, slices)


def slice_size(n_stimuli: int, bytes_per_stimulus: int, *, megabytes: float) -> int:
    """Return how many stimuli one task has.

    >>> slice_size(26107, 2_600_000, megabytes=256), slice_size(48, 1_000_000, megabytes=256)
    (98, 16)
    """
    fitting = max(1, int(megabytes * 1e6 / max(1, bytes_per_stimulus)))
    return min(fitting, max(_LEAST, math.ceil(n_stimuli / _PARTS)))


def _task(config: Config, inputs: Inputs, outline: Outline, bounds: tuple[int, int]) -> Task:
    start, stop = bounds
    stimuli = inputs.stimuli
    digests = tuple(inputs.files[str(p)].digest for p in stimulus_paths(stimuli)[start:stop])
    return Task(
        model=inputs.model.spec,
        model_digests=(*model_digests(inputs), *_state(inputs, outline)),
        root=stimuli.root,
        ids=stimuli.ids[start:stop],
        files=stimuli.files[start:stop],
        file_digests=digests,
        selectors=outline.selectors,
        postfunctions=chain_texts(inputs.chain),
        postfunction_digests=source_digests(inputs.chain),
        runtime=runtime_of(config, inputs),
        compression=config.run.compression,
        dtype=config.run.dtype,
        start=start,
    )


def runtime_of(config: Config, inputs: Inputs) -> Runtime:
    """Return how forward passes are run, the device found."""
    return Runtime(**{**vars(config.runtime), "device": inputs.device})


def _state(inputs: Inputs, outline: Outline) -> tuple[tuple[str, str], ...]:
    """Return the digest of a user's own model as built: it may load files nobody else knows of."""
    return (("state", outline.weights_digest),) if inputs.model.spec.source == "target" else ()


def stimulus_bytes(spec: LayerSpec) -> int:
    """Return the bytes that one stimulus takes in one layer, on disk and uncompressed."""
    import numpy as np

    kept = stored(spec)
    return int(math.prod(kept.shape) * np.dtype(kept.dtype).itemsize)


def rdm_bytes(plan: Plan) -> int:
    """Return the bytes that the RDMs of all layers and passes take on disk."""
    if plan.config.rsa.method == NO_RDMS:
        return 0
    n_rdms = sum(len(spec.passes) for spec in plan.outline.layers)
    return int(4 * n_rdms * n_patterns(plan) ** 2)


def n_patterns(plan: Plan) -> int:
    """Return how many rows an RDM has: stimuli, or values of rsa.average."""
    stimuli, column = plan.inputs.stimuli, plan.config.rsa.average
    return len(set(stimuli.labels[column]) if column else stimuli.ids)


def pooled_bytes(spec: LayerSpec) -> int:
    """Return what stimulus_bytes would be with postfunction=spatial_mean."""
    sizes = dict(zip(spec.dims, spec.shape, strict=True))
    return stimulus_bytes(spec) // (sizes.get("row", 1) * sizes.get("col", 1))


def describe(plan: Plan) -> str:
    """Return the plan as text: one line per layer, then what the whole will cost."""
    outline, n = plan.outline, len(plan.inputs.stimuli.ids)
    rows = [
        (
            spec.name,
            _passes(spec),
            " x ".join(f"{name} {size}" for name, size in zip(spec.dims, spec.shape, strict=True)),
            spec.dtype,
            size_text(stimulus_bytes(spec) * n),
        )
        for spec in outline.layers
    ]
    table = text_table(("layer", "passes", "shape", "type", "on disk"), rows)
    return "\n".join([table, "", *_costs(plan), *_left_out(outline)])


def _costs(plan: Plan) -> list[str]:
    outline, n = plan.outline, len(plan.inputs.stimuli.ids)
    written, rdms = n * outline.bytes_per_stimulus, rdm_bytes(plan)
    seconds = time_text(outline.seconds_per_stimulus * n)
    batch = plan.config.runtime.batch_size
    return [
        f"stimuli  {n} of {plan.inputs.stimuli.name}, in {len(plan.tasks)} tasks",
        f"folder   {plan.folder} ({size_text(free_bytes(plan.folder))} free)",
        (
            f"on disk  {size_text(written + rdms)}: activations {size_text(written)}"
            f" ({written} bytes), RDMs {size_text(rdms)}"
        ),
        (
            f"memory   {size_text(outline.need.peak(batch))} at the peak of each worker, of which "
            f"{size_text(outline.parameter_bytes)} are the model's parameters"
        ),
        f"time     {seconds} of forward passes on one worker ({plan.inputs.device}), by a probe",
    ]


def free_bytes(folder: Path) -> int:
    """Return what the file system says is free where `folder` is, or will be."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def _left_out(outline: Outline) -> list[str]:
    skipped = [f"left out {layer}: {reason}" for layer, reason in outline.skipped]
    return skipped + [f"unseen   {gap}" for gap in outline.gaps]


def _passes(spec: LayerSpec) -> str:
    first, last = spec.passes[0], spec.passes[-1]
    return str(first) if first == last else f"{first}-{last}"


def outline_to_json(outline: Outline) -> dict[str, Any]:
    """Return an Outline as plain JSON values."""
    layers = [spec_to_json(spec) for spec in outline.layers]
    return {**vars(outline), "layers": layers, "need": dataclasses.asdict(outline.need)}


def outline_from_json(value: Mapping[str, Any]) -> Outline:
    """Undo outline_to_json."""
    tuples = {name: tuple(value[name]) for name in ("selectors", "gaps")}
    tuples["skipped"] = tuple((layer, reason) for layer, reason in value["skipped"])
    layers = tuple(spec_from_json(item) for item in value["layers"])
    moments = tuple((each, fixed) for each, fixed in value["need"]["moments"])
    need = Need(value["need"]["resident"], moments)
    return Outline(**{**value, **tuples, "layers": layers, "need": need})
