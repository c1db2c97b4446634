"""The source `torchvision`: every model that torchvision registers and that takes images."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.published import at_url, check_digest
from lens_pipeline.models.source import Built, Source, building, check_arguments, is_path, untrained
from lens_pipeline.models.spec import Preprocessing, arguments_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lens_pipeline.models.published import Published
    from lens_pipeline.models.spec import ModelSpec

# These two warn unless told how to initialise, and their published weights expect inputs that the
# module itself turns from ImageNet's statistics into [-1, 1].
_INCEPTIONS = ("googlenet", "inception_v3")


def names() -> tuple[str, ...]:
    """Return every registered name."""
    import torchvision

    return tuple(torchvision.models.list_models())


def weight_names(spec: ModelSpec) -> tuple[str, ...]:
    """Return the published weights of a model, torchvision's DEFAULT first."""
    members = _weights(spec)
    if not members:
        return ()
    default = type(members[0]).DEFAULT
    return (default.name, *(member.name for member in members if member is not default))


def published(spec: ModelSpec, weights: str) -> Published:
    """Return where the published weights lie: in torch's own cache of checkpoints."""
    return at_url(weights, _named(spec, weights).url)


def build(spec: ModelSpec) -> Built:
    """Build a model; `arguments` go to torchvision's builder."""
    import torchvision

    known = weight_names(spec)
    check_arguments(spec)
    arguments = arguments_of(spec)
    builder = torchvision.models.get_model_builder(spec.name)
    if spec.weights in known:
        check_digest(published(spec, spec.weights).wanted)
        arguments |= {"weights": _named(spec, spec.weights), "progress": False}
    else:
        arguments = untrained(builder, arguments) | _for_inceptions(spec) | arguments
    with building(spec), _tensors_only():
        module = builder(**arguments)
    return Built(module, stated=_stated(spec, known))


@contextlib.contextmanager
def _tensors_only() -> Iterator[None]:
    """Let torch.load read tensors and nothing else; torchvision itself asks for a full unpickle."""
    name = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before


SOURCE = Source(
    weight_names=weight_names,
    published=published,
    build=build,
)


def _weights(spec: ModelSpec) -> list[Any]:
    import torchvision

    try:
        return list(torchvision.models.get_model_weights(spec.name))
    except ValueError as error:
        raise ModelError(
            f"torchvision {torchvision.__version__} has no model {spec.name!r}; "
            f"{nearest(spec.name, names())}."
        ) from error


def _named(spec: ModelSpec, weights: str) -> Any:
    return next(member for member in _weights(spec) if member.name == weights)


def _for_inceptions(spec: ModelSpec) -> dict[str, Any]:
    if spec.name not in _INCEPTIONS:
        return {}
    from_file = is_path(spec.weights)
    return {"init_weights": not from_file, "transform_input": from_file}


def _stated(spec: ModelSpec, known: tuple[str, ...]) -> Preprocessing:
    """Return what is stated for the weights, or else for the model's default weights."""
    if not known:
        return Preprocessing()
    preset = _named(spec, spec.weights if spec.weights in known else known[0]).transforms()
    kind = type(preset).__name__
    if kind == "ObjectDetection":
        # Detection models resize and normalise by themselves.
        return Preprocessing(resize=None, resize_mode="none", crop=None, mean=(), std=())
    if kind not in ("ImageClassification", "SemanticSegmentation"):
        raise ModelError(f"torchvision's {spec.name} takes no still images (its input: {kind}).")
    crop = preset.crop_size[0] if kind == "ImageClassification" else None
    return Preprocessing(
        resize=preset.resize_size[0],
        interpolation=preset.interpolation.value,
        antialias=bool(preset.antialias),
        crop=crop,
        mean=tuple(preset.mean),
        std=tuple(preset.std),
    )
