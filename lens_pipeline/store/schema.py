"""What a layer looks like on disk: its name, dimensions and number type.

Everything that can be refused is refused here, before a byte is written, with the layer's name.
Shards and the index share this schema, so that a shard opened alone reads like its rows of the
index. Names are percent-escaped where netCDF has no room for them, and the escape is reversible.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

# Raised whenever an older version of this package could misread what a newer one wrote.
FORMAT = 1

# Names with a meaning of their own in every group.
RESERVED = frozenset({"stimulus", "pass", "time_step", "activation", "part"})

# Number type of the values -> number type on disk. Each pair is exact in both directions: netCDF
# has no half precision, no bool and no complex; a complex value becomes two along the axis `part`.
STORED_AS: Mapping[str, str] = {
    **{f"{kind}{bits}": f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)},
    "float16": "float32",
    "float32": "float32",
    "float64": "float64",
    "bool": "int8",
    "complex64": "float32",
    "complex128": "float64",
}

Attribute = str | int | float


@dataclass(frozen=True)
class Scaling:
    """How int16 codes stand for numbers: number = factor * code + offset."""

    # step between two codes, positive
    factor: float
    # a whole number of steps
    offset: float


# the fact of a layer that says in which arithmetic it was computed
COMPUTED = "computed"


@dataclass(frozen=True)
class LayerSpec:
    """One layer, or one run of passes of equal shape of a layer whose passes differ in shape."""

    # as a selector writes it: "V1.output", "conv2d_1_1", "V4@1"
    name: str
    # 1-based number of the run; None when all passes have one shape
    run: int | None
    # pass numbers, 1-based, increasing
    passes: tuple[int, ...]
    # names of the unit axes, as ("channel", "row", "col"); neither stimulus nor pass
    dims: tuple[str, ...]
    # lengths of the unit axes
    shape: tuple[int, ...]
    # a key of STORED_AS
    dtype: str
    # facts to keep beside the values
    attrs: tuple[tuple[str, Attribute], ...] = ()
    # kept as int16 codes; None where values are kept as they are
    scaling: Scaling | None = None


@dataclass(frozen=True)
class Stored:
    """How the values of one LayerSpec lie on disk, without the stimulus axis."""

    dtype: str
    # "pass", then the unit axes
    dims: tuple[str, ...]
    shape: tuple[int, ...]


def stored(spec: LayerSpec) -> Stored:
    """Return the number type and axes under which a layer is kept."""
    parts = _is_complex(spec)
    return Stored(
        dtype="int16" if spec.scaling else STORED_AS[spec.dtype],
        dims=("pass", *spec.dims, *(("part",) if parts else ())),
        shape=(len(spec.passes), *spec.shape, *((2,) if parts else ())),
    )


def to_stored(values: np.ndarray, spec: LayerSpec) -> np.ndarray:
    """Return values (batch, pass, *shape) as they are written; no copy where none is needed."""
    if _is_complex(spec):
        pairs = np.ascontiguousarray(values, dtype=spec.dtype)
        values = pairs.view(STORED_AS[spec.dtype]).reshape(*pairs.shape, 2)
    if spec.scaling:
        from lens_pipeline.store.packing import pack

        return pack(values, spec)
    return values.astype(STORED_AS[spec.dtype], copy=False)


def layer_group(name: str) -> str:
    """Return the group name of a layer: percent-escaped where netCDF or HDF5 would object.

    >>> layer_group("blocks/0.-x"), layer_group(".hidden")
    ('blocks%2F0.-x', '%2Ehidden')
    """
    unstable = unicodedata.normalize("NFC", name) != name
    escaped = "".join(_escape(c, every=unstable) for c in name)
    if re.match(r"[^A-Za-z0-9_%\x80-\U0010ffff]", escaped):
        escaped = _percent(escaped[0]) + escaped[1:]
    return escaped[:-1] + "%20" if escaped.endswith(" ") else escaped


def spec_group(spec: LayerSpec) -> str:
    """Return the group path of a layer, or of one of its runs: "conv1" or "conv1/run_2"."""
    group = layer_group(spec.name)
    return group if spec.run is None else f"{group}/run_{spec.run}"


def attributes(values: Mapping[str, Any]) -> dict[str, Attribute]:
    """Return attributes that netCDF can hold: bools as 0/1, None left out, the rest as JSON."""
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def spec_to_json(spec: LayerSpec) -> dict[str, Any]:
    """Return a LayerSpec as plain JSON values."""
    scaling = vars(spec.scaling) if spec.scaling else None
    return {**vars(spec), "attrs": dict(spec.attrs), "scaling": scaling}


def spec_from_json(value: Mapping[str, Any]) -> LayerSpec:
    """Undo spec_to_json."""
    tuples = {name: tuple(value[name]) for name in ("passes", "dims", "shape")}
    scaling = Scaling(**value["scaling"]) if value.get("scaling") else None
    attrs = tuple(value["attrs"].items())
    return LayerSpec(**{**value, **tuples, "attrs": attrs, "scaling": scaling})


def check_layers(layers: Sequence[LayerSpec]) -> None:
    """Raise StoreError for the first layer that cannot be stored."""
    if not layers:
        raise StoreError("There is no layer to store; select at least one.")
    for spec in layers:
        _check_axes(spec)
        _check_values(spec)
    _check_together(layers)


def _check_axes(spec: LayerSpec) -> None:
    taken = [name for name, count in Counter(spec.dims).items() if count > 1 or name in RESERVED]
    if len(spec.dims) != len(spec.shape) or taken or 0 in spec.shape:
        raise StoreError(
            f"Layer {spec.name} has unit axes {spec.dims} of lengths {spec.shape}; each axis needs "
            f"a name of its own, not one of {', '.join(sorted(RESERVED))}, and at least one unit."
        )


def _check_values(spec: LayerSpec) -> None:
    if spec.dtype not in STORED_AS:
        raise StoreError(
            f"Layer {spec.name} has values of type {spec.dtype}, which netCDF cannot hold; "
            f"allowed: {', '.join(STORED_AS)}; convert with the postfunction dtype:float32."
        )
    if not spec.passes or spec.passes[0] < 1 or sorted(set(spec.passes)) != list(spec.passes):
        raise StoreError(
            f"Layer {spec.name} has passes {spec.passes}; they start at 1 and increase."
        )


def _check_together(layers: Iterable[LayerSpec]) -> None:
    seen: dict[str, list[LayerSpec]] = {}
    for spec in layers:
        seen.setdefault(spec.name, []).append(spec)
    for name, specs in seen.items():
        whole = len(specs) > 1 and any(spec.run is None for spec in specs)
        passes = [number for spec in specs for number in spec.passes]
        runs = {spec.run for spec in specs}
        if whole or len(runs) < len(specs) or len(set(passes)) < len(passes):
            raise StoreError(
                f"Layer {name} is there {len(specs)} times with passes {passes}; each pass of a "
                f"layer is stored once, and a layer in runs numbers them run=1, run=2, ..."
            )


def _attribute(value: Any) -> Attribute:
    if isinstance(value, bool | np.bool_):
        return int(value)
    if isinstance(value, str | int | float):
        return value
    if isinstance(value, np.integer | np.floating):
        return value.item()
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def _is_complex(spec: LayerSpec) -> bool:
    return spec.dtype.startswith("complex")


def _escape(character: str, *, every: bool) -> str:
    plain = character.isprintable() and character not in "/%"
    return character if plain and (character.isascii() or not every) else _percent(character)


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode())
