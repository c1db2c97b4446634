"""Brain-Score's assemblies: netCDF with the array `data` (presentation, neuroid).

What Brain-Score loads is one array whose coordinates lie along two dimensions and become indexes
when it is read: `stimulus_id` and labels along presentation; `neuroid_id`, `neuroid_num`, `model`,
`layer` and the place of a unit along neuroid. A map's channel, row and column are called channel,
channel_x and channel_y there, in this order; tokens and their channels are called channel and
embedding.
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

    import h5py

LOST = (
    "one file per layer and pass: the pass is an attribute, and no time in milliseconds is claimed",
    "names of the unit axes: they are those of Brain-Score, channel_x being the row",
)

# our unit axes -> Brain-Score's words; other axes keep their names
WORDS: Mapping[tuple[str, ...], tuple[str, ...]] = {
    ("channel", "row", "col"): ("channel", "channel_x", "channel_y"),
    ("token", "channel"): ("channel", "embedding"),
    ("feature",): ("neuroid_place",),
}
_NO_VARIABLE = "This is a netCDF dimension but not a netCDF variable.{:10d}"


def write_brainscore(part: Part, folder: Path, *, done: Callable[[int], None]) -> None:
    """Write `folder`/LAYER.nc; xarray's open_dataarray reads it."""
    with replacing(folder / f"{place_name(part)}.nc") as temporary, new_hdf5(temporary) as made:
        file, sink = made
        sizes = {"presentation": len(part.stimuli), "neuroid": part.n_units}
        scales = {name: _dimension(file, name, size) for name, size in sizes.items()}
        columns = {"presentation": _presentations(part), "neuroid": _neuroids(part)}
        names = [name for dim in columns for name in columns[dim]]
        values = file.create_dataset("data", shape=tuple(sizes.values()), dtype=part.dtype)
        for axis, scale in enumerate(scales.values()):
            values.dims[axis].attach_scale(scale)
        for dim, group in columns.items():
            for name, column in group.items():
                _column(file, name, column).dims[0].attach_scale(scales[dim])
        values.attrs["coordinates"] = " ".join(names)
        for name, value in _attrs(part).items():
            values.attrs[name] = value
        write_values(part, values, sink=sink, done=done)


def _attrs(part: Part) -> dict[str, Any]:
    facts = {name: value for name, value in part.facts.items() if value}
    model, stimuli = facts.get("model", ""), facts.get("stimuli", "")
    identifier = f"{model}-{stimuli}-{part.layer}-t{part.number - 1}"
    return {**facts, "identifier": identifier, "pass": part.number, "time_step": part.number - 1}


def _presentations(part: Part) -> dict[str, Any]:
    taken = {"presentation", "neuroid", "data"}
    labels = {
        _free("_".join(name.split()), taken): np.array(values, dtype=object)
        for name, values in part.labels.items()
    }
    return {"stimulus_id": np.array(part.stimuli, dtype=object), **labels}


def _neuroids(part: Part) -> dict[str, Any]:
    n = part.n_units
    model = part.facts.get("model") or "model"
    names = [f"{model}.{part.layer}.{number}" for number in range(n)]
    words = WORDS.get(part.dims, part.dims)
    places = dict(zip(words, unit_places(part).values(), strict=True))
    return {
        "neuroid_id": np.array(names, dtype=object),
        "neuroid_num": np.arange(n, dtype=np.int64),
        "model": np.array([model] * n, dtype=object),
        "layer": np.array([part.layer] * n, dtype=object),
        **places,
    }


def _free(name: str, taken: set[str]) -> str:
    names = {*taken, "stimulus_id", "neuroid_id", "neuroid_num", "model", "layer", "channel"}
    while name in names:
        name += "_"
    return name


def _dimension(file: h5py.File, name: str, size: int) -> h5py.Dataset:
    scale = file.create_dataset(name, shape=(size,), dtype=">f4")
    scale.make_scale(_NO_VARIABLE.format(size))
    return scale


def _column(file: h5py.File, name: str, column: np.ndarray) -> h5py.Dataset:
    import h5py

    dtype = h5py.string_dtype() if column.dtype == object else column.dtype
    return file.create_dataset(name, data=column, dtype=dtype)
