"""rsatoolbox's Dataset in its HDF5 form: `rsatoolbox.data.dataset.load_dataset` reads it.

rsatoolbox keeps text as bytes and reads it back as ASCII, which fails for other letters. An
attribute is read back as it is, so descriptors with other letters are written as attributes; both
ways a Dataset comes back with the descriptors that it should have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.atomic import replacing
from lens_pipeline.exports.parts import Part, place_name, unit_places, write_values
from lens_pipeline.store.sink import new_hdf5

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

LOST = (
    "the shape of the layer: units are flattened, and their places along its axes are descriptors",
    "safety by label: rsatoolbox compares by position, so keep the stimuli in this order",
)


def write_rsatoolbox(part: Part, folder: Path, *, done: Callable[[int], None]) -> None:
    """Write `folder`/LAYER.hdf5 with measurements (stimulus, unit) and descriptors."""
    with replacing(folder / f"{place_name(part)}.hdf5") as temporary, new_hdf5(temporary) as made:
        file, sink = made
        _attribute(file, "type", "Dataset")
        known = {name: value for name, value in part.facts.items() if value}
        facts = {**known, "layer": part.layer, "pass": part.number}
        _write_group(file.create_group("descriptors"), facts)
        rows = {"stimulus_id": part.stimuli, **part.labels}
        _write_group(file.create_group("obs_descriptors"), rows)
        units = {"unit": np.arange(part.n_units), **unit_places(part)}
        _write_group(file.create_group("channel_descriptors"), units)
        shape = (len(part.stimuli), part.n_units)
        values = file.create_dataset("measurements", shape=shape, dtype=part.dtype)
        write_values(part, values, sink=sink, done=done)


def _write_group(group: Any, values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        # rsatoolbox's readers take a descriptor's name for a path
        key = name.replace("/", "_")
        if isinstance(value, np.ndarray):
            group[key] = value
        elif isinstance(value, tuple) and all(text.isascii() for text in value):
            group[key] = np.array(value, dtype="S")
        else:
            _attribute(group, key, value)


def _attribute(group: Any, name: str, value: Any) -> None:
    import h5py

    if isinstance(value, tuple):
        group.attrs.create(name, np.array(value, dtype=object), dtype=h5py.string_dtype())
    else:
        group.attrs[name] = value
