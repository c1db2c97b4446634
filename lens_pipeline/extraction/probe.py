"""What a run will keep, found out by tracing a few stimuli.

The Structure that comes out is small, picklable and complete: a worker needs it and the model to
extract, and nothing else has to be traced again.
"""

from __future__ import annotations

import dataclasses
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import PostfunctionError, SelectorError, TraceError
from lens_pipeline.extraction.aliases import alias_attrs, origins, other_names, without_repeats
from lens_pipeline.extraction.certificate import certify
from lens_pipeline.extraction.fast_layers import PROBED, choose_fast
from lens_pipeline.extraction.layout import (
    Kept,
    Pick,
    layer_specs,
    packed,
    stimulus_bytes,
    unit_names,
    with_attrs,
)
from lens_pipeline.extraction.stimulus_axis import LARGE, SMALL, find_axis, stimuli_first
from lens_pipeline.models.catalogue import preset_layers
from lens_pipeline.postfunctions import (
    chain_texts,
    compile_chain,
    parse_postfunctions,
)
from lens_pipeline.runtime.wiring import Wiring, wire
from lens_pipeline.selectors import Selected, auto_layers, parse_selectors, select
from lens_pipeline.tracer import rerun
from lens_pipeline.tracer.graph import first_difference
from lens_pipeline.tracer.run import ForwardError, trace

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import torch

    from lens_pipeline.models.loading import LoadedModel
    from lens_pipeline.postfunctions import Application
    from lens_pipeline.store.schema import LayerSpec
    from lens_pipeline.task import Runtime
    from lens_pipeline.tracer.trace import Trace

_HALF = ("float16", "bfloat16")


@dataclass(frozen=True)
class Structure:
    """What one forward pass computes and what of it is kept."""

    # resolved selectors: neither "auto" nor a preset
    selectors: tuple[str, ...]
    postfunctions: tuple[str, ...]
    # digest of the computation; a batch that has another one is refused
    digest: str
    # how the picked Ops are captured
    wiring: Wiring
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
    # of the second traced pass, so that first-use costs are left out
    seconds_per_stimulus: float


def choose_selectors(
    loaded: LoadedModel, layers: str | Sequence[str | int], *, traced: Trace
) -> tuple[str, ...]:
    """Return the selectors that `layers` stands for; "auto": preset or main blocks."""
    if layers == "auto":
        return preset_layers(loaded.spec) or auto_layers(traced)
    if isinstance(layers, str):
        return (layers,)
    return tuple(str(layer) for layer in layers)


@contextmanager
def taking(loaded: LoadedModel, inputs: torch.Tensor) -> Iterator[None]:
    """Name the model and the shape of its input in the TraceError of one that cannot take it."""
    try:
        yield
    except ForwardError as error:
        raise TraceError(
            f"{loaded.spec.name} cannot take an input of shape {tuple(inputs.shape)}: {error} "
            "Check the preprocessing (resize, crop) and the model's arguments."
        ) from error


def probe(
    loaded: LoadedModel,
    layers: str | Sequence[str | int],
    postfunctions: Sequence[str] = (),
    *,
    examples: torch.Tensor,
    runtime: Runtime | None = None,
    dtype: str = "float32",
) -> Structure:
    """Trace the model on two and on three stimuli and return what a run will keep.

    `examples` are model inputs of shape (n, ...), on the model's device; with fewer than three,
    they are repeated with a little noise. `runtime`: None is the exact mode without a certificate;
    `dtype`: "int16-scaled" gives every layer of real numbers a scale that the examples suggest;
    the fast mode measures its fidelity on all examples, PROBED of them or more. Raises
    SelectorError for a selector that matches nothing or names an output without stimuli, TraceError
    if the passes compute different things or the certificate or the fidelity is refused.
    """
    three = _at_least(examples, LARGE)[:LARGE]
    outline = _trace(loaded, three[:SMALL], keep=None)
    texts = choose_selectors(loaded, layers, traced=outline)
    same_as = origins(outline)
    selected = without_repeats(select(outline, parse_selectors(texts)), same_as)
    wanted = [op for one in selected for _, op in one.ops]
    small = _trace(loaded, three[:SMALL], keep=wanted)
    large = _trace(loaded, three, keep=wanted)
    _check_same(loaded, small, large)
    picks, skipped = _picks(selected, small, large)
    _refuse_skipped(_named(outline, texts), picks, skipped)
    wiring, facts = _measured(loaded.module, picks, small, large, examples, runtime)
    parsed = parse_postfunctions(postfunctions)
    chain = compile_chain(parsed)
    kept = [_apply(pick, large, chain) for pick in picks]
    specs = layer_specs(kept)
    if dtype == "int16-scaled":
        specs = packed(specs, kept)
    specs = with_attrs(specs, alias_attrs(other_names(outline, selected, same_as)))
    return Structure(
        selectors=texts,
        postfunctions=chain_texts(parsed),
        digest=wiring.digest,
        wiring=wiring,
        picks=picks,
        layers=with_attrs(specs, facts),
        skipped=skipped,
        complete=large.complete,
        gaps=large.gaps,
        bytes_per_stimulus=sum(map(stimulus_bytes, specs)),
        parameter_bytes=sum(parameter.nbytes for parameter in large.parameters),
        seconds_per_stimulus=large.seconds / LARGE,
    )


def _measured(
    module: torch.nn.Module,
    picks: Sequence[Pick],
    small: Trace,
    large: Trace,
    examples: torch.Tensor,
    runtime: Runtime | None,
) -> tuple[Wiring, dict[str, dict[str, str | float]]]:
    """Return how the picks are captured, and what the certificate and the fast mode measured."""
    three = _at_least(examples, LARGE)[:LARGE]
    wiring = wire(module, three, large, ops=[pick.op for pick in picks])
    facts: dict[str, dict[str, str | float]] = {pick.layer: {} for pick in picks}
    if runtime and runtime.certify:
        found = certify(module, wiring, picks, inputs=three, small=small, large=large)
        for layer, certificate in found.items():
            facts[layer].update(certificate)
    if runtime and runtime.mode == "fast":
        inputs, known = _at_least(examples, PROBED), rerun.outline(large)
        wiring, fidelities = choose_fast(
            module, wiring, picks, known=known, inputs=inputs, runtime=runtime
        )
        for layer, fidelity in fidelities.items():
            facts[layer].update(fidelity)
    return wiring, facts


def _at_least(examples: torch.Tensor, number: int) -> torch.Tensor:
    """Return the examples, repeated with a little noise where there are fewer than `number`."""
    import torch

    if len(examples) >= number:
        return examples
    repeated = examples[[place % len(examples) for place in range(number)]].clone()
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(repeated.shape, generator=generator) * 0.01
    repeated[len(examples) :] += noise[len(examples) :].to(repeated)
    return repeated


def _trace(loaded: LoadedModel, inputs: torch.Tensor, *, keep: list[int] | None) -> Trace:
    import torch

    with torch.no_grad(), taking(loaded, inputs):
        traced = trace(loaded.module, (inputs,), keep=keep)
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


def _apply(pick: Pick, traced: Trace, chain: Application) -> Kept:
    value = traced.ops[pick.op].value
    assert value is not None
    first = stimuli_first(value, pick.axis)
    result, dims = chain(first, unit_names(tuple(first.shape[1:]), pick.axis), layer=pick.layer)
    if not result.numel():
        raise PostfunctionError(
            f"The postfunctions leave no values of layer {pick.layer!r}, whose unit shape is "
            f"{tuple(first.shape[1:])}; choose others, or leave the layer out."
        )
    name = str(result.dtype).removeprefix("torch.")
    dtype = "float32" if name in _HALF else name
    ends = (float(end) for end in result.aminmax()) if result.is_floating_point() else (0.0, 0.0)
    return Kept(pick, tuple(result.shape[1:]), dims, dtype, *ends)
