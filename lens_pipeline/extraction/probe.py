"""What a run will keep, found out by tracing a few stimuli.

The Structure that comes out is small, picklable and complete: a worker needs it and the model to
extract, and nothing else has to be traced again.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import SelectorError, TraceError
from lens_pipeline.extraction.stimulus_axis import (
    LARGE,
    SMALL,
    StimulusAxis,
    find_axis,
    stimuli_first,
)
from lens_pipeline.models.catalogue import preset_layers
from lens_pipeline.postfunctions import (
    chain_texts,
    compile_chain,
    parse_postfunctions,
    unit_dims,
)
from lens_pipeline.selectors import Selected, auto_layers, parse_selectors, select
from lens_pipeline.store.schema import LayerSpec
from lens_pipeline.tracer.graph import first_difference, structure_digest
from lens_pipeline.tracer.run import ForwardError, trace

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import torch

    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.postfunctions import Application, Dims
    from lens_pipeline.tracer.records import Op
    from lens_pipeline.tracer.trace import Trace

_HALF = ("float16", "bfloat16")


@dataclass(frozen=True)
class Pick:
    """One operation that is kept, as one pass of a layer."""

    # name of the layer in the store
    layer: str
    pass_number: int
    # index into Trace.ops
    op: int
    axis: StimulusAxis


@dataclass(frozen=True)
class Structure:
    """What one forward pass computes and what of it is kept."""

    # resolved selectors: neither "auto" nor a preset
    selectors: tuple[str, ...]
    postfunctions: tuple[str, ...]
    # digest of the computation; a batch that has another one is refused
    digest: str
    # in execution order
    picks: tuple[Pick, ...]
    # how the picks lie in the store
    layers: tuple[LayerSpec, ...]
    # (layer, reason) of what `all` or a glob matched and cannot be kept
    skipped: tuple[tuple[str, str], ...]
    # the trace missed nothing, or what it missed
    complete: bool
    gaps: tuple[str, ...]
    # bytes on disk per stimulus
    bytes_per_stimulus: int
    # bytes of the model's parameters
    parameter_bytes: int
    # bytes that one stimulus needs while its batch runs: kept outputs and the two largest others
    working_bytes_per_stimulus: int
    # of the second traced pass, so that first-use costs are left out
    seconds_per_stimulus: float


@dataclass(frozen=True)
class _Kept:
    """A pick with what its probe came out as."""

    pick: Pick
    shape: tuple[int, ...]
    dims: Dims
    dtype: str


def choose_selectors(
    loaded: LoadedModel, layers: str | Sequence[str | int], *, traced: Trace
) -> tuple[str, ...]:
    """Return the selectors that `layers` stands for; "auto": preset or main blocks."""
    if layers == "auto":
        return preset_layers(loaded.spec) or auto_layers(traced)
    if isinstance(layers, str):
        return (layers,)
    return tuple(str(layer) for layer in layers)


def probe(
    loaded: LoadedModel,
    layers: str | Sequence[str | int],
    postfunctions: Sequence[str] = (),
    *,
    examples: torch.Tensor,
) -> Structure:
    """Trace the model on two and on three stimuli and return what a run will keep.

    `examples` are model inputs of shape (n, ...), on the model's device; with fewer than three,
    they are repeated with a little noise. Raises SelectorError for a selector that matches nothing
    or names an output without stimuli, TraceError if the two passes compute different things.
    """
    three = _three(examples)
    outline = _trace(loaded, three[:SMALL], keep=None)
    texts = choose_selectors(loaded, layers, traced=outline)
    selected = select(outline, parse_selectors(texts))
    wanted = [op for one in selected for _, op in one.ops]
    small = _trace(loaded, three[:SMALL], keep=wanted)
    large = _trace(loaded, three, keep=wanted)
    _check_same(loaded, small, large)
    picks, skipped = _picks(selected, small, large)
    _refuse_skipped(_named(outline, texts), picks, skipped)
    parsed = parse_postfunctions(postfunctions)
    chain = compile_chain(parsed)
    kept = [_apply(pick, large, chain) for pick in picks]
    specs = layer_specs(kept)
    return Structure(
        selectors=texts,
        postfunctions=chain_texts(parsed),
        digest=structure_digest(large),
        picks=picks,
        layers=specs,
        skipped=skipped,
        complete=large.complete,
        gaps=large.gaps,
        bytes_per_stimulus=sum(_bytes(spec) for spec in specs),
        parameter_bytes=sum(parameter.nbytes for parameter in large.parameters),
        working_bytes_per_stimulus=_working_bytes(large, picks) // LARGE,
        seconds_per_stimulus=large.seconds / LARGE,
    )


def layer_specs(kept: Iterable[_Kept]) -> tuple[LayerSpec, ...]:
    """Group kept passes into layers; passes that differ in shape or type become numbered runs."""
    by_layer: dict[str, list[_Kept]] = {}
    for one in kept:
        by_layer.setdefault(one.pick.layer, []).append(one)
    specs: list[LayerSpec] = []
    for name, passes in by_layer.items():
        runs = _runs(sorted(passes, key=lambda one: one.pick.pass_number))
        for number, run in enumerate(runs, start=1):
            specs.append(
                LayerSpec(
                    name=name,
                    run=number if len(runs) > 1 else None,
                    passes=tuple(one.pick.pass_number for one in run),
                    dims=run[0].dims,
                    shape=run[0].shape,
                    dtype=run[0].dtype,
                )
            )
    return tuple(specs)


def _three(examples: torch.Tensor) -> torch.Tensor:
    import torch

    if len(examples) >= LARGE:
        return examples[:LARGE]
    repeated = examples[[number % len(examples) for number in range(LARGE)]].clone()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(repeated.shape, generator=generator) * 0.01
    repeated[len(examples) :] += noise[len(examples) :].to(repeated)
    return repeated


def _trace(loaded: LoadedModel, inputs: torch.Tensor, *, keep: list[int] | None) -> Trace:
    import torch

    with torch.no_grad():
        try:
            traced = trace(loaded.module, (inputs,), keep=keep)
        except ForwardError as error:
            raise TraceError(
                f"{loaded.spec.name} cannot take an input of shape {tuple(inputs.shape)}: {error} "
                "Check the preprocessing (resize, crop) and the model's arguments."
            ) from error
    # Errors name the model as the user does, not by the class it is built from.
    return dataclasses.replace(traced, model_name=loaded.spec.name)


def _check_same(loaded: LoadedModel, small: Trace, large: Trace) -> None:
    difference = first_difference(small, large)
    if difference:
        raise TraceError(
            f"{loaded.spec.name} computes another graph for {LARGE} stimuli than for {SMALL}: "
            f"{difference}; a model whose graph depends on its input cannot be stored as one tree."
        )


def _picks(
    selected: Sequence[Selected], small: Trace, large: Trace
) -> tuple[tuple[Pick, ...], tuple[tuple[str, str], ...]]:
    picks: list[Pick] = []
    skipped: dict[str, str] = {}
    for one in selected:
        for number, op in one.ops:
            axis = find_axis(small.ops[op], large.ops[op])
            if isinstance(axis, str):
                skipped.setdefault(one.name, axis)
            else:
                picks.append(Pick(one.name, number, op, axis))
    return tuple(sorted(picks, key=lambda pick: pick.op)), tuple(skipped.items())


def _named(traced: Trace, texts: Sequence[str]) -> set[str]:
    """Return the layers that were asked for by name rather than by a glob or `all`."""
    plain = [text for text in texts if text != "all" and not set("*?[") & set(text.split(":")[0])]
    return {one.name for one in select(traced, parse_selectors(plain))} if plain else set()


def _refuse_skipped(
    named: set[str], picks: Sequence[Pick], skipped: Sequence[tuple[str, str]]
) -> None:
    """A layer that was asked for by name must be kept; one that a glob matched may be left out."""
    for name, reason in skipped:
        if name in named or not picks:
            raise SelectorError(
                f"Layer {name} cannot be stored by stimulus: {reason}; choose another layer."
            )


def _apply(pick: Pick, traced: Trace, chain: Application) -> _Kept:
    value = traced.ops[pick.op].value
    assert value is not None
    first = stimuli_first(value, pick.axis)
    result, dims = chain(first, unit_dims(tuple(first.shape[1:])), layer=pick.layer)
    name = str(result.dtype).removeprefix("torch.")
    return _Kept(pick, tuple(result.shape[1:]), dims, "float32" if name in _HALF else name)


def _runs(passes: list[_Kept]) -> list[list[_Kept]]:
    runs: list[list[_Kept]] = []
    for one in passes:
        last = runs[-1][-1] if runs else None
        if last and (last.shape, last.dims, last.dtype) == (one.shape, one.dims, one.dtype):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs


def _bytes(spec: LayerSpec) -> int:
    import numpy as np

    from lens_pipeline.store.schema import stored

    return int(np.prod(stored(spec).shape, dtype=np.int64)) * np.dtype(stored(spec).dtype).itemsize


def _working_bytes(traced: Trace, picks: Sequence[Pick]) -> int:
    kept = {pick.op for pick in picks}
    others: list[Op] = [op for op in traced.ops if op.index not in kept]
    largest = sorted((op.nbytes for op in others), reverse=True)[:2]
    return sum(traced.ops[op].nbytes for op in kept) + sum(largest)
