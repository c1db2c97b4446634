"""Runs one Task: batches through the model, kept outputs through the chain, rows into a shard."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lens_pipeline.errors import PostfunctionError, TraceError
from lens_pipeline.extraction.batches import batches
from lens_pipeline.extraction.stimulus_axis import stimuli_first
from lens_pipeline.postfunctions import (
    compile_chain,
    parse_postfunctions,
    source_digests,
    unit_dims,
)
from lens_pipeline.store.shards import open_shard, read_shard, shard_path
from lens_pipeline.task import task_key
from lens_pipeline.tracer.graph import structure_digest
from lens_pipeline.tracer.rerun import Outline, StructureError, outline, rerun
from lens_pipeline.tracer.run import trace

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from lens_pipeline.extraction.probe import Structure
    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.postfunctions import Application, Chain
    from lens_pipeline.store.shards import ShardRecord
    from lens_pipeline.task import Task

# Called after each batch with the number of its stimuli and of the bytes they took.
Progress = Callable[[int, int], None]
Rows = dict[tuple[str, int | None], np.ndarray]


def extract(
    task: Task,
    loaded: LoadedModel,
    structure: Structure,
    *,
    folder: Path,
    attrs: Mapping[str, Any],
    on_batch: Progress | None = None,
) -> ShardRecord:
    """Run the Task and write its shard into `folder`; memory does not grow with its length.

    The model's module must be on the Task's device. Raises TraceError if a batch computes another
    graph than the probe did, StimulusError for a file that cannot be decoded, PostfunctionError,
    and StoreError if the shard cannot be written.
    """
    chain = compile_chain(_unchanged_chain(task))
    path = shard_path(folder, task_key(task))
    with open_shard(path, layers=structure.layers, stimulus_ids=task.ids, attrs=attrs) as shard:
        for start, rows in _rows_by_batch(task, loaded, structure, chain):
            shard.write(start, rows)
            if on_batch:
                n_stimuli = len(next(iter(rows.values())))
                on_batch(n_stimuli, sum(array.nbytes for array in rows.values()))
    return read_shard(path)


def _unchanged_chain(task: Task) -> Chain:
    chain = parse_postfunctions(task.postfunctions)
    if source_digests(chain) != task.postfunction_digests:
        names = ", ".join(name for name, _ in task.postfunction_digests)
        raise PostfunctionError(
            f"The source of {names} has changed since the run began; give the same command again."
        )
    return chain


def _rows_by_batch(
    task: Task, loaded: LoadedModel, structure: Structure, chain: Application
) -> Iterator[tuple[int, Rows]]:
    paths = [task.root / file for file in task.files]
    size = task.runtime.batch_size
    known: Outline | None = None
    for start, inputs in batches(paths, loaded.transform, batch_size=size):
        whole = (_filled(inputs, size) if start else inputs).to(task.runtime.device)
        with torch.no_grad():
            try:
                known, values = _forward(loaded.module, whole, structure, known)
            except StructureError as error:
                raise TraceError(
                    f"The {len(inputs)} stimuli from {task.ids[start]!r} on got another graph than "
                    f"the first ones, so they cannot be stored in one tree: {error}"
                ) from error
        rows = _rows(values, structure, chain)
        yield start, {layer: values[: len(inputs)] for layer, values in rows.items()}


def _forward(
    module: nn.Module, inputs: torch.Tensor, structure: Structure, known: Outline | None
) -> tuple[Outline, dict[int, torch.Tensor]]:
    """Return the values of the picked Ops; the first pass is traced in full and checked."""
    ops = [pick.op for pick in structure.picks]
    if known is not None:
        return known, rerun(module, (inputs,), known, keep=ops)
    traced = trace(module, (inputs,), keep=ops)
    if structure_digest(traced) != structure.digest:
        raise StructureError(f"{traced.model_name}'s graph depends on its input.")
    return outline(traced), {op.index: op.value for op in traced.ops if op.value is not None}


def _filled(inputs: torch.Tensor, size: int) -> torch.Tensor:
    """Repeat the last stimulus until the batch is full.

    Kernels are chosen by batch size, so a stimulus in a shorter last batch would differ in its last
    bits from the same stimulus elsewhere.
    """
    missing = size - len(inputs)
    return (
        torch.cat([inputs, inputs[-1:].expand(missing, *inputs.shape[1:])]) if missing else inputs
    )


def _rows(kept: Mapping[int, torch.Tensor], structure: Structure, chain: Application) -> Rows:
    """Return the batch's values by layer and run, each of shape (stimulus, pass, *units)."""
    values: dict[tuple[str, int], np.ndarray] = {}
    for pick in structure.picks:
        first = stimuli_first(kept[pick.op], pick.axis)
        result, _ = chain(first, unit_dims(tuple(first.shape[1:])), layer=pick.layer)
        values[pick.layer, pick.pass_number] = _to_numpy(result)
    return {
        (spec.name, spec.run): _stack([values[spec.name, number] for number in spec.passes])
        for spec in structure.layers
    }


def _stack(passes: list[np.ndarray]) -> np.ndarray:
    return passes[0][:, None] if len(passes) == 1 else np.stack(passes, axis=1)


def _to_numpy(tensor: torch.Tensor) -> np.ndarray:
    if tensor.dtype in (torch.float16, torch.bfloat16):
        tensor = tensor.float()
    array: np.ndarray = tensor.cpu().resolve_conj().resolve_neg().numpy()
    return array
