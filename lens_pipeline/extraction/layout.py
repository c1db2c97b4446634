"""How what is kept lies in the store: picks, and the layers and runs that they make up."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.postfunctions import unit_dims
from lens_pipeline.store.schema import LayerSpec, stored

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lens_pipeline.extraction.stimulus_axis import StimulusAxis
    from lens_pipeline.postfunctions import Dims
    from lens_pipeline.store.schema import Attribute


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
class Kept:
    """A pick with what its probe came out as."""

    pick: Pick
    shape: tuple[int, ...]
    dims: Dims
    dtype: str
    # of its values, as numbers; 0 and 0 where they are not real
    lowest: float = 0.0
    highest: float = 0.0


def unit_names(shape: tuple[int, ...], place: StimulusAxis) -> Dims:
    """Name the unit axes of an output whose shape is `shape` once its stimuli are in front.

    Three axes of which one was merged with the stimuli (windows, heads, frames) are no feature map,
    so that a spatial mean leaves them as they are: the other two are token and channel.

    >>> from lens_pipeline.extraction.stimulus_axis import StimulusAxis
    >>> unit_names((64, 49, 96), StimulusAxis(0, merged=64))
    ('axis_1', 'token', 'channel')
    """
    if len(shape) != 3 or place.merged == 1:
        return unit_dims(shape)
    if 1 < place.outer < place.merged:
        return ("axis_1", "axis_2", "axis_3")
    names = ["token", "channel"]
    names.insert(place.axis, f"axis_{place.axis + 1}")
    return tuple(names)


def layer_specs(kept: Iterable[Kept]) -> tuple[LayerSpec, ...]:
    """Group kept passes into layers; passes that differ in shape or type become numbered runs."""
    by_layer: dict[str, list[Kept]] = {}
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


def packed(specs: tuple[LayerSpec, ...], kept: Iterable[Kept]) -> tuple[LayerSpec, ...]:
    """Return the layers kept as int16 codes, scaled by what the probe saw of them."""
    from lens_pipeline.store.packing import packed_layers

    seen = {(one.pick.layer, one.pick.pass_number): one for one in kept}
    passes = {(s.name, s.run): [seen[s.name, number] for number in s.passes] for s in specs}
    ranges = {
        layer: (min(one.lowest for one in runs), max(one.highest for one in runs))
        for layer, runs in passes.items()
    }
    return packed_layers(specs, ranges)


def with_attrs(
    specs: Iterable[LayerSpec], facts: Mapping[str, Mapping[str, Attribute]]
) -> tuple[LayerSpec, ...]:
    """Return the layers with facts, given by the name of the layer, beside their values."""
    return tuple(
        dataclasses.replace(spec, attrs=(*spec.attrs, *facts.get(spec.name, {}).items()))
        for spec in specs
    )


def stimulus_bytes(spec: LayerSpec) -> int:
    """Return the bytes that one stimulus takes in one layer, on disk and uncompressed."""
    import numpy as np

    return int(np.prod(stored(spec).shape, dtype=np.int64)) * np.dtype(stored(spec).dtype).itemsize


def _runs(passes: list[Kept]) -> list[list[Kept]]:
    runs: list[list[Kept]] = []
    for one in passes:
        last = runs[-1][-1] if runs else None
        if last and (last.shape, last.dims, last.dtype) == (one.shape, one.dims, one.dtype):
            runs[-1].append(one)
        else:
            runs.append([one])
    return runs
