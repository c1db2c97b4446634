"""The source `cornet`: the four CORnets of this package, with the published ImageNet weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.published import at_url, check_digest
from lens_pipeline.models.source import Built, Source, building
from lens_pipeline.models.spec import Preprocessing, arguments_of

if TYPE_CHECKING:
    from lens_pipeline.models.published import Published
    from lens_pipeline.models.spec import ModelSpec

# where the published files lie
FOLDER = "https://s3.amazonaws.com/cornet-models"

# model -> its published weights: the file's stem, whose end is the start of the file's SHA-256
WEIGHTS = {
    "cornet_z": "cornet_z-5c427c9c",
    "cornet_r": "cornet_r-5930a990",
    "cornet_rt": "cornet_rt-933c001c",
    "cornet_s": "cornet_s-1d3f7974",
}

# The areas of all four nets, and the layer that their authors compare with behaviour.
AREAS = ("V1.output", "V2.output", "V4.output", "IT.output", "decoder.avgpool")


def weight_names(spec: ModelSpec) -> tuple[str, ...]:
    """Return the one set of weights that is published for a net."""
    if spec.name not in WEIGHTS:
        raise ModelError(f"There is no CORnet {spec.name!r}; {nearest(spec.name, WEIGHTS)}.")
    return (WEIGHTS[spec.name],)


def published(_: ModelSpec, weights: str) -> Published:
    """Return where the published weights lie."""
    return at_url(weights, f"{FOLDER}/{weights}.pth")


def build(spec: ModelSpec) -> Built:
    """Build a net; `arguments` are num_classes and, for R and RT, times."""
    from lens_pipeline.models.cornet import CORNETS
    from lens_pipeline.models.state_dicts import fill, read_state_dict

    known = weight_names(spec)
    with building(spec):
        module = CORNETS[spec.name](**arguments_of(spec))
    if spec.weights in known:
        path = published(spec, spec.weights).wanted
        check_digest(path)
        fill(module, read_state_dict(path), what=f"The weights {path.name} and {spec.name}")
    return Built(module, stated=Preprocessing())


SOURCE = Source(
    weight_names=weight_names,
    published=published,
    build=build,
)
