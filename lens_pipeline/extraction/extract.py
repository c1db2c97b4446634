"""Runs one Task: batches through the model, kept outputs through the chain, rows into a shard."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lens_pipeline.errors import PostfunctionError, TraceError
from lens_pipeline.extraction.batch_size import Reported, even_size, smaller_size
from lens_pipeline.extraction.batches import batches, loader
from lens_pipeline.extraction.layout import unit_names
from lens_pipeline.extraction.overlap import Seconds, counted, done_behind
from lens_pipeline.extraction.stimulus_axis import stimuli_first
from lens_pipeline.postfunctions import (
    compile_chain,
    parse_postfunctions,
    source_digests,
)
from lens_pipeline.runtime.memory import free_memory
from lens_pipeline.runtime.passes import forward_passes
from lens_pipeline.store.shards import open_shard, read_shard, shard_path
from lens_pipeline.task import task_key
from lens_pipeline.tracer.rerun import StructureError

if TYPE_CHECKING:
    from pathlib import Path

    from torch import nn

    from lens_pipeline.extraction.prepared import Prepared
    from lens_pipeline.extraction.probe import Structure
    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.postfunctions import Application, Chain
    from lens_pipeline.runtime.hooks import Forward
    from lens_pipeline.store.shards import ShardRecord
    from lens_pipeline.task import Task

# Called after each batch with the number of its stimuli and of the bytes they took; negative
# numbers take back what was reported of a task that starts again.
Progress = Callable[[int, int], None]
Rows = dict[tuple[str, int | None], np.ndarray]


@dataclass(frozen=True)
class Destination:
    """Where shards go, and what they share."""

    # folder of the shards
    folder: Path
    # written into every shard
    attrs: Mapping[str, Any]
    # where stimuli are kept for other models of the same frame; None keeps none
    prepared: Prepared | None = None


@dataclass(frozen=True)
class Extracted:
    """A Task that was carried out."""

    shard: ShardRecord
    # where its time went
    seconds: Seconds
    # stimuli in a batch where memory was short of more; None where it was not
    halved_to: int | None = None


def extract(
    task: Task,
    loaded: LoadedModel,
    structure: Structure,
    *,
    into: Destination,
    on_batch: Progress | None = None,
) -> Extracted:
    """Run the Task and write its shard; memory does not grow with its length.

    Stimuli are decoded ahead of the forward pass and rows are written behind it, in other threads.
    The model's module must be on the Task's device. Out of memory, the Task starts again with
    batches of half the size, so that all stimuli of a shard went through the same kernels; the
    shard's attribute `batch_size` says which size was used. Raises TraceError if a batch computes
    another graph than the probe did, StimulusError for a file that cannot be decoded,
    PostfunctionError, StoreError if the shard cannot be written, and BudgetError where the memory
    does not suffice for one stimulus.
    """
    chain = compile_chain(_unchanged_chain(task))
    work = _Work(task, loaded, structure, chain, _storages(loaded.module))
    path = shard_path(into.folder, task_key(task))
    size = even_size(len(task.ids), task.runtime.batch_size)
    halved_to = None
    while True:
        report, seconds = Reported(on_batch), Seconds()
        try:
            with open_shard(
                path,
                layers=structure.layers,
                stimulus_ids=task.ids,
                attrs={**into.attrs, "batch_size": size},
                compression=task.compression,
            ) as shard:
                _write_all(work, shard.write, into.prepared, size, seconds, report)
            return Extracted(read_shard(path), seconds, halved_to)
        except (RuntimeError, MemoryError, TraceError) as error:
            size = halved_to = smaller_size(size, error, task)
        report.take_back()
        free_memory()


@dataclass(frozen=True)
class _Work:
    """A Task and what carries it out."""

    task: Task
    loaded: LoadedModel
    structure: Structure
    chain: Application
    # addresses of the memory of the module's parameters and buffers
    state: frozenset[int]


def _write_all(
    work: _Work,
    write: Callable[[int, Rows], None],
    prepared: Prepared | None,
    size: int,
    seconds: Seconds,
    report: Reported,
) -> None:
    """Write the rows of all batches, each while the next one is computed."""

    def write_rows(start: int, rows: Rows) -> None:
        with counted(seconds, "writing"):
            write(start, rows)
        n = len(next(iter(rows.values())))
        report(n, n * work.structure.bytes_per_stimulus)

    with (
        done_behind(write_rows) as later,
        contextlib.closing(_rows_by_batch(work, prepared, size=size, seconds=seconds)) as computed,
    ):
        for start, rows in computed:
            with counted(seconds, "waiting"):
                later(start, rows)
            del rows


def _unchanged_chain(task: Task) -> Chain:
    chain = parse_postfunctions(task.postfunctions)
    if source_digests(chain) != task.postfunction_digests:
        names = ", ".join(name for name, _ in task.postfunction_digests)
        raise PostfunctionError(
            f"The source of {names} has changed since the run began; give the same command again."
        )
    return chain


def _rows_by_batch(
    work: _Work, prepared: Prepared | None, *, size: int, seconds: Seconds
) -> Generator[tuple[int, Rows], None, None]:
    """Run the batches forward and apply the chain."""
    task, loaded, structure = work.task, work.loaded, work.structure
    paths = (task.root / file for file in task.files)
    files = list(zip(paths, task.file_digests, strict=True))
    load = loader(loaded, prepared)
    with (
        forward_passes(loaded.module, structure.wiring, task.runtime) as forward,
        contextlib.closing(batches(files, load, batch_size=size, seconds=seconds)) as made,
    ):
        for start, inputs in made:
            yield start, _computed(work, forward, start, inputs, size=size, seconds=seconds)


def _computed(
    work: _Work,
    forward: Forward,
    start: int,
    inputs: torch.Tensor,
    *,
    size: int,
    seconds: Seconds,
) -> Rows:
    """Return the rows of one batch; nothing else of it is kept while the next one is computed."""
    n = len(inputs)
    with counted(seconds, "computing"):
        whole = _filled(inputs, size) if start else inputs
        with _graph_named(work.task, start, n):
            values = forward(whole.to(work.task.runtime.device))
        with torch.no_grad():
            # Rows are written while the next batch runs, which may write to the state.
            owned = {op: _owned(value, work.state) for op, value in values.items()}
            rows = _rows(owned, work.structure, work.chain)
    return {layer: array[:n] for layer, array in rows.items()}


def _storages(module: nn.Module) -> frozenset[int]:
    """Return the addresses of the memory of the module's parameters and buffers."""
    tensors = itertools.chain(module.parameters(), module.buffers())
    return frozenset(tensor.untyped_storage().data_ptr() for tensor in tensors)


def _owned(value: torch.Tensor, state: frozenset[int]) -> torch.Tensor:
    return value.clone() if value.untyped_storage().data_ptr() in state else value


@contextlib.contextmanager
def _graph_named(task: Task, start: int, n: int) -> Iterator[None]:
    """Say for which stimuli the graph was another one."""
    try:
        yield
    except StructureError as error:
        raise TraceError(
            f"The {n} stimuli from {task.ids[start]!r} on got another graph than the first ones, "
            f"so they cannot be stored in one tree: {error}"
        ) from error


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
        result, _ = chain(first, unit_names(tuple(first.shape[1:]), pick.axis), layer=pick.layer)
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
