"""ModelSpec: which model, which weights, which preparation of its input, as plain values.

Everything here is frozen, hashable and can be written as JSON, so that a plan, a key and a record
can hold it. Importing this module imports no torch: a finished run recognises its model without it.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Literal

from lens_pipeline.errors import ModelError, nearest

if TYPE_CHECKING:
    from pathlib import Path

ResizeMode = Literal["shorter", "squash", "none"]
Interpolation = Literal["nearest", "bilinear", "bicubic", "lanczos"]

# In a config: this setting of the preprocessing is as the authors of the weights state it.
STATED = "stated"

# A JSON value in hashable form: lists are tuples.
Value = Any


@dataclass(frozen=True)
class Preprocessing:
    """From a decoded RGB image to the input of a model, in this order."""

    # pixels: one int, or (height, width); None keeps the image's own size
    resize: int | tuple[int, int] | None = 256
    # shorter: the shorter side becomes `resize`; squash: both sides do; none: `resize` is unused
    resize_mode: ResizeMode = "shorter"
    interpolation: Interpolation = "bilinear"
    # low-pass before shrinking, as PIL does; False samples as torch's interpolate does
    antialias: bool = True
    # pixels of the central crop: the side of a square, or (height, width); None crops nothing
    crop: int | tuple[int, int] | None = 224
    # one number a channel, for values in [0, 1]; () leaves the values in [0, 1]
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    # one number a channel, never 0; () divides by nothing
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class ModelSpec:
    """One model: a source, a name and weights."""

    # key of SOURCES: "cornet", "torchvision", "timm" or "target"
    source: str
    # the model's name in its source; for "target" the name that results carry
    name: str
    # "random", "default", a weight name of the source, or the path of a file
    weights: str = "default"
    # seed of the initialisation; trained weights overwrite what it drew
    seed: int = 0
    # "package.module:function", for the source "target" alone
    target: str | None = None
    # keyword arguments of the builder, as JSON values in hashable form
    arguments: tuple[tuple[str, Value], ...] = ()
    # fields of Preprocessing that replace what the weights' authors state
    preprocessing: tuple[tuple[str, Value], ...] = ()


@dataclass(frozen=True)
class Resolved:
    """A ModelSpec of which it is known what can be loaded."""

    # weights are "random", a weight name whose file is there, or an absolute path;
    # for a target also "default": as the function builds it
    spec: ModelSpec
    # one sentence saying why random weights stand in; None if they do not
    stand_in: str | None = None
    # files that the model is made from: its weights, the target's source
    files: tuple[Path, ...] = ()
    # files looked for and not found; once one exists, the spec must be resolved again
    missing: tuple[Path, ...] = ()


def to_json(spec: ModelSpec) -> dict[str, Any]:
    """Return the spec as a JSON object; `from_json` is its inverse.

    >>> spec = ModelSpec("torchvision", "resnet18", arguments=(("num_classes", 10),))
    >>> to_json(spec)["arguments"]
    {'num_classes': 10}
    >>> from_json(to_json(spec)) == spec
    True
    """
    values = {field.name: getattr(spec, field.name) for field in fields(spec)}
    for key in ("arguments", "preprocessing"):
        values[key] = {name: _thawed(value) for name, value in values[key]}
    return values


def from_json(values: dict[str, Any]) -> ModelSpec:
    """Return the spec that a JSON object (or a config) describes.

    A preprocessing setting that is "stated" is none, and a target without a name takes its
    function's. Raises ModelError for a key that a ModelSpec does not have and for a missing source
    or name.
    """
    known = [field.name for field in fields(ModelSpec)]
    for key in values:
        if key not in known:
            raise ModelError(f"A model has no setting {key!r}; {nearest(key, known)}.")
    if values.get("source") == "target" and not values.get("name"):
        function = str(values.get("target") or "").rpartition(":")[2]
        values = {**values, "name": function or "custom"}
    for key in ("source", "name"):
        if not values.get(key):
            raise ModelError(f"A model needs a {key}: set model.{key}=...")
    frozen = {key: _pairs(key, values.get(key)) for key in ("arguments", "preprocessing")}
    frozen["preprocessing"] = tuple(pair for pair in frozen["preprocessing"] if pair[1] != STATED)
    return ModelSpec(**{**values, **frozen})


def arguments_of(spec: ModelSpec) -> dict[str, Any]:
    """Return the keyword arguments for the model's builder, lists and mappings as in the config."""
    return {name: _thawed(value) for name, value in spec.arguments}


def preprocessing_to_json(preprocessing: Preprocessing) -> dict[str, Any]:
    """Return the preparation of the input as a JSON object."""
    return {f.name: _thawed(getattr(preprocessing, f.name)) for f in fields(preprocessing)}


def _pairs(key: str, values: Any) -> tuple[tuple[str, Value], ...]:
    if values is None:
        return ()
    if not isinstance(values, dict):
        raise ModelError(f"model.{key} must map names to values, not {values!r}.")
    return tuple((str(name), _frozen(values[name])) for name in sorted(values, key=str))


def _frozen(value: Any) -> Value:
    """Lists become tuples and mappings tuples of pairs under a marker, so that all is hashable."""
    if isinstance(value, dict):
        return _MAPPING, *((str(key), _frozen(value[key])) for key in sorted(value, key=str))
    if isinstance(value, list | tuple):
        return tuple(_frozen(item) for item in value)
    return value


def _thawed(value: Value) -> Any:
    if isinstance(value, tuple) and value[:1] == (_MAPPING,):
        return {key: _thawed(item) for key, item in value[1:]}
    if isinstance(value, tuple):
        return [_thawed(item) for item in value]
    return value


# Stands first in the tuple that a mapping becomes; no list of a config starts with it.
_MAPPING = "{}"
