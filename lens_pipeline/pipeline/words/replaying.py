"""`replay RUN`: compute a run again from what its folder says, and compare.

Everything is made anew in a temporary folder: nothing of the run but its record is used, and
nothing of it is changed. The activations are compared value by value; all else in the folder
follows from them. What could explain a difference (versions, digests) is compared too, and told
whether or not the values differ.
"""

from __future__ import annotations

import tempfile
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError
from lens_pipeline.pipeline.console import announce, text_table
from lens_pipeline.pipeline.job.freshness import flat
from lens_pipeline.pipeline.words.options import run_with_activations
from lens_pipeline.store.index import INDEX_NAME
from lens_pipeline.store.opening import existing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import xarray as xr

    from lens_pipeline.pipeline.config import Config
    from lens_pipeline.pipeline.job.record import Record

# Layers that are shown, the most different first.
_SHOWN = 10
# Parts of a record that say what results were made from.
_SOURCES = ("versions", "places", "model", "stimuli", "postfunctions")
_STRUCTURE = ("digest", "weights_digest", "selectors", "preprocessing")


@dataclass(frozen=True)
class Difference:
    """How far one layer at one pass is from what it was."""

    layer: str
    # 1-based
    number: int
    # largest difference of two values, over the largest value there is; NaN and infinity in one
    # and not in the other count as infinite
    relative: float
    # values that are not the same bits, NaN apart
    n_different: int
    n_values: int


@dataclass(frozen=True)
class Replay:
    """What a replay found."""

    folder: Path
    # one clause for each thing that the results are made from and that is another now
    sources: tuple[str, ...]
    # every layer and pass, in the order of the forward pass
    layers: tuple[Difference, ...]
    # what the two trees do not have in common; compared layers are those they have
    structure: tuple[str, ...]
    # largest relative difference that is allowed; 0: none
    tolerance: float

    @property
    def ok(self) -> bool:
        """Whether the run was reproduced, to the tolerance."""
        within = all(one.relative <= self.tolerance for one in self.layers)
        return within and not self.structure


def replay(folder: Path | str, *, tolerance: float = 0.0) -> Replay:
    """Compute the run of `folder` again and compare; needs the disk of its activations once more.

    `tolerance` is relative to the largest value of a layer at a pass. Raises StoreError where there
    is no finished run, and whatever keeps the run from being computed.
    """
    folder = Path(folder).expanduser()
    record = run_with_activations(folder)
    existing(folder, INDEX_NAME)
    with tempfile.TemporaryDirectory(prefix=".replay-", dir=folder.absolute().parent) as place:
        again = _compute(record, Path(place))
        sources = tuple(_changed_sources(record, again))
        structure, layers = _compare(folder, Path(place))
    return Replay(folder, sources, tuple(layers), tuple(structure), tolerance)


def _compute(record: Record, place: Path) -> Record:
    """Make the activations in `place` and return the record of that."""
    from lens_pipeline.pipeline.config import read_config
    from lens_pipeline.pipeline.job.inputs import find_inputs
    from lens_pipeline.pipeline.job.kept_shards import index_shards
    from lens_pipeline.pipeline.job.probing import attributes, new_record, plan_run, probe_model
    from lens_pipeline.pipeline.job.run import run_tasks

    config: Config = read_config(record.config)
    config = replace(config, run=replace(config.run, folder=place))
    inputs = find_inputs(config)
    announce(inputs.stand_ins)
    plan, probed = plan_run(config, inputs, folder=place, earlier=None)
    run_tasks(plan, probed or probe_model(config, inputs), attrs=attributes(plan))
    index_shards(plan, attrs=attributes(plan))
    return new_record(plan)


def _changed_sources(before: Record, now: Record) -> Iterator[str]:
    for name in _SOURCES:
        yield from _changed(getattr(before, name), getattr(now, name), name)
    for name in _STRUCTURE:
        yield from _changed(
            {name: before.structure.get(name)}, {name: now.structure.get(name)}, "structure"
        )
    digests = {path: stamp.digest for path, stamp in before.files.items()}
    for path, stamp in now.files.items():
        if digests.get(path, stamp.digest) != stamp.digest:
            yield f"{path} has other content"


def _changed(before: Mapping[str, Any], now: Mapping[str, Any], name: str) -> Iterator[str]:
    old, new = dict(flat(_plain(before))), dict(flat(_plain(now)))
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key):
            yield f"{name}.{key} was {old.get(key)} and is {new.get(key)}"


def _plain(value: Any) -> Any:
    """Return a value as JSON would give it back, which the record of before went through."""
    import json

    return json.loads(json.dumps(value))


def _compare(before: Path, now: Path) -> tuple[list[str], list[Difference]]:
    from lens_pipeline.store.trees import layer_passes, open_activations

    with closing(open_activations(before)) as old, closing(open_activations(now)) as new:
        _check_stimuli(old, new, before)
        parts, others = layer_passes(old), layer_passes(new)
        structure = [f"{name}:{n} is gone" for name, n in parts if (name, n) not in others]
        structure += [f"{name}:{n} is new" for name, n in others if (name, n) not in parts]
        layers = []
        for name, number in parts:
            if (name, number) in others:
                found = _difference(old, new, name, number)
                if isinstance(found, str):
                    structure.append(found)
                else:
                    layers.append(found)
    return structure, layers


def _check_stimuli(old: xr.DataTree, new: xr.DataTree, folder: Path) -> None:
    if old["stimulus"].to_numpy().tolist() != new["stimulus"].to_numpy().tolist():
        raise StoreError(
            f"The stimuli of {folder} are others now (their ids or their order), so nothing can be "
            f"compared; put the stimuli back that the run had."
        )


def _difference(old: xr.DataTree, new: xr.DataTree, name: str, number: int) -> Difference | str:
    """Compare one layer at one pass block by block; a text where the shapes differ."""
    from lens_pipeline.store.trees import iter_blocks, layer_pass

    shapes = [layer_pass(tree, name, pass_number=number).shape for tree in (old, new)]
    if shapes[0] != shapes[1]:
        return f"{name}:{number} had shape {shapes[0]} and has {shapes[1]}"
    largest = apart = 0.0
    n_different = n_values = 0
    pairs = zip(
        *(iter_blocks(tree, name, pass_number=number, max_bytes=1 << 26) for tree in (old, new)),
        strict=True,
    )
    for one, other in pairs:
        unequal = ~((one == other) | (np.isnan(one) & np.isnan(other)))
        n_values += one.size
        largest = max(largest, _largest(one))
        if unequal.any():
            n_different += int(unequal.sum())
            apart = max(apart, _apart(one[unequal], other[unequal]))
    relative = apart / largest if largest and apart else apart
    return Difference(name, number, relative, n_different, n_values)


def _largest(values: np.ndarray) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(finite.max(initial=0))


def _apart(one: np.ndarray, other: np.ndarray) -> float:
    both = np.isfinite(one) & np.isfinite(other)
    if not both.all():
        return float("inf")
    return float(np.abs(one.astype(float) - other.astype(float)).max(initial=0))


def describe(found: Replay) -> str:
    """Return what a replay found as text: the verdict, then what differs."""
    lines = [_verdict(found)]
    lines += [f"  changed since: {clause}" for clause in found.sources]
    lines += [f"  structure: {clause}" for clause in found.structure]
    worst = sorted(found.layers, key=lambda one: -one.relative)[:_SHOWN]
    rows = [
        (one.layer, one.number, f"{one.relative:.1e}", f"{one.n_different} of {one.n_values}")
        for one in worst
        if one.n_different
    ]
    if rows:
        header = ("layer", "pass", "largest difference", "values that differ")
        lines += ["", text_table(header, rows)]
    return "\n".join(lines)


def _verdict(found: Replay) -> str:
    n = len(found.layers)
    differing = [one for one in found.layers if one.n_different]
    if not found.ok:
        bad = [one for one in found.layers if one.relative > found.tolerance]
        limit = f"by more than {found.tolerance:g}" if found.tolerance else "from what they were"
        return f"{found.folder}: not reproduced, {len(bad)} of {n} layers and passes differ {limit}"
    if differing:
        return f"{found.folder}: reproduced to {found.tolerance:g}, {len(differing)} of {n} differ"
    return f"{found.folder}: reproduced bit for bit, all {n} layers and passes"


def replay_command(folder: Path, *, tolerance: float) -> bool:
    """Replay, print, and return whether the run was reproduced."""
    from lens_pipeline.pipeline.console import say

    found = replay(folder, tolerance=tolerance)
    say(describe(found))
    return found.ok
