"""What models there are: the sources by name, and the rows of `list models`.

Importing this module, and listing the models, imports neither torch nor torchvision.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models import cornet_source, target_source, timm_source, torchvision_source
from lens_pipeline.models.spec import ModelSpec
from lens_pipeline.resources import conf_folder

if TYPE_CHECKING:
    from pathlib import Path

    from lens_pipeline.models.source import Source

SOURCES: dict[str, Source] = {
    "cornet": cornet_source.SOURCE,
    "torchvision": torchvision_source.SOURCE,
    "timm": timm_source.SOURCE,
    "target": target_source.SOURCE,
}


@dataclass(frozen=True)
class Listed:
    """One row of `list models`."""

    # what follows `model=` on the command line
    name: str
    # one line for people
    what: str
    # what `layers=auto` means for it; None if its main blocks are looked for
    layers: tuple[str, ...] | None


def source_of(spec: ModelSpec) -> Source:
    """Return the source of a spec; raises ModelError if there is none of that name."""
    if spec.source not in SOURCES:
        raise ModelError(
            f"There is no source of models {spec.source!r} (model.source); "
            f"{nearest(spec.source, SOURCES)}."
        )
    return SOURCES[spec.source]


def preset_layers(spec: ModelSpec) -> tuple[str, ...] | None:
    """Return the layers that `layers=auto` means for this model; None if it has no preset."""
    return cornet_source.AREAS if spec.source == "cornet" else None


def list_models() -> tuple[Listed, ...]:
    """Return a row per model config."""
    return tuple(map(_shipped, sorted((conf_folder() / "model").glob("[!_]*.yaml"))))


def _shipped(path: Path) -> Listed:
    import yaml

    text = path.read_text(encoding="utf-8")
    what = text.partition("\n")[0].removeprefix("#").strip()
    values = yaml.safe_load(text)
    spec = ModelSpec(values["source"], values["name"] or path.stem)
    return Listed(path.stem, what, preset_layers(spec))
