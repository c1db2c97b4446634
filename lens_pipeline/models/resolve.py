"""Which weights a spec will really get, settled before any worker starts.

`default` becomes the name of published weights whose file is on this machine, fetched if need be.
Where that fails, the policy `auto` lets seeded random weights stand in and says so; `strict` stops.
What the user named, a file or a set of weights, is never replaced.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.catalogue import source_of
from lens_pipeline.models.preprocessing import check_overrides
from lens_pipeline.models.source import is_path
from lens_pipeline.models.spec import ModelSpec, Resolved

if TYPE_CHECKING:
    from lens_pipeline.models.published import Published

Assets = Literal["auto", "strict"]

RANDOM = "random"
DEFAULT = "default"


def resolve(spec: ModelSpec, *, assets: Assets, download: bool = True) -> Resolved:
    """Return the spec with weights that can be loaded, and the files that they come from.

    Files hold the weights first, if they come from a file, then the target's source. Raises
    ModelError for an unknown source, model, set of weights or preprocessing setting, for a file
    that is not there, and under `strict` for published weights that cannot be had.
    """
    source = source_of(spec)
    check_overrides(spec.preprocessing)
    if spec.weights == RANDOM:
        return Resolved(spec, files=source.files(spec))
    if is_path(spec.weights):
        path = _existing(spec)
        return _with_files(spec, str(path), path)
    name = _name(spec)
    if name is None:
        return _stand_in(spec, assets, f"no weights of {spec.name} are published", ())
    place = source.published(spec, name)
    try:
        return _with_files(spec, name, place.found or _fetched(place, download=download))
    except ModelError as error:
        reason = f"the weights {name} of {spec.name} are not at {place.wanted} and {error}"
        return _stand_in(spec, assets, reason, (place.wanted,))


def _with_files(spec: ModelSpec, weights: str, file: Path) -> Resolved:
    files = dict.fromkeys((file, *source_of(spec).files(spec)))
    return Resolved(dataclasses.replace(spec, weights=weights), files=tuple(files))


def _existing(spec: ModelSpec) -> Path:
    path = Path(spec.weights).expanduser().absolute()
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "does not exist"
        raise ModelError(
            f"The weights of {spec.name}, {path}, are no file: it {there}; name a file, default or "
            "random."
        )
    return path


def _name(spec: ModelSpec) -> str | None:
    """Return the name of the weights asked for; None if the default is, and nothing is published.

    torchvision's long form, ResNet50_Weights.IMAGENET1K_V2, is understood.
    """
    known = source_of(spec).weight_names(spec)
    if spec.weights == DEFAULT:
        return known[0] if known else None
    name = spec.weights.rpartition("_Weights.")[2]
    if name not in known:
        raise ModelError(
            f"{spec.name} has no weights {spec.weights!r}; {nearest(name, (*known, RANDOM))} "
            "(a file is written with its folder, as ./weights, or its ending, as weights.pth)."
        )
    return name


def _fetched(place: Published, *, download: bool) -> Path:
    if not download:
        raise ModelError("nothing was fetched")
    return place.fetch()


def _stand_in(spec: ModelSpec, assets: Assets, reason: str, missing: tuple[Path, ...]) -> Resolved:
    if assets == "strict" or spec.weights != DEFAULT:
        there = "put the file there, or " if missing else ""
        raise ModelError(
            f"{reason[0].upper()}{reason[1:]}; {there}give model.weights=FILE or "
            "model.weights=random."
        )
    return Resolved(
        dataclasses.replace(spec, weights=RANDOM),
        stand_in=f"Random weights (seed {spec.seed}) stand in: {reason}.",
        files=source_of(spec).files(spec),
        missing=missing,
    )
