"""The source `timm`: any model of PyTorch Image Models, where timm is installed.

A name may carry timm's tag of the weights (`resnet18.a1_in1k`); `weights` may name it too. Files
come from the Hugging Face cache, where timm itself keeps them.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.published import Published, at_url, forbid_offline
from lens_pipeline.models.source import Built, Source, building, check_arguments
from lens_pipeline.models.spec import Preprocessing, arguments_of

if TYPE_CHECKING:
    from lens_pipeline.models.spec import ModelSpec

# Names under which a repository may hold the weights, the preferred one first.
_FILES = ("model.safetensors", "pytorch_model.bin")


def names() -> tuple[str, ...]:
    """Return every registered architecture, without tags."""
    return tuple(_timm().list_models())


def weight_names(spec: ModelSpec) -> tuple[str, ...]:
    """Return the tags published for a model, the one in its name or timm's default first."""
    timm = _timm()
    architecture, _, tag = spec.name.partition(".")
    if not timm.is_model(architecture):
        raise ModelError(
            f"timm {timm.__version__} has no model {spec.name!r}; {nearest(architecture, names())}."
        )
    full = timm.list_models(f"{architecture}.*", pretrained=True)
    tags = tuple(name.partition(".")[2] for name in full)
    if tag and tag not in tags:
        raise ModelError(f"timm has no weights {tag!r} for {architecture}; {nearest(tag, tags)}.")
    first = tag or timm.get_pretrained_cfg(architecture).tag
    return tuple(sorted(tags, key=lambda name: name != first))


def published(spec: ModelSpec, weights: str) -> Published:
    """Return where the published weights lie: in the cache of huggingface_hub."""
    from huggingface_hub import constants, try_to_load_from_cache

    config = _config(spec, weights)
    if not config.hf_hub_id:
        return at_url(weights, config.url)
    repository = config.hf_hub_id
    hits = (try_to_load_from_cache(repository, name) for name in _FILES)
    found = next((Path(hit) for hit in hits if isinstance(hit, str)), None)
    folder = Path(constants.HF_HUB_CACHE) / f"models--{repository.replace('/', '--')}"
    return Published(weights, found, folder, functools.partial(_fetch, repository))


def build(spec: ModelSpec) -> Built:
    """Build a model; `arguments` go to timm.create_model."""
    known = weight_names(spec)
    check_arguments(spec)
    name, _, tag = spec.name.partition(".")
    arguments = arguments_of(spec)
    if spec.weights in known:
        tag = spec.weights
        arguments |= _trained(spec)
    with building(spec):
        module = _timm().create_model(f"{name}.{tag}" if tag else name, **arguments)
    size = {"img_size": dict(spec.arguments).get("img_size")}
    stated = _timm().data.resolve_model_data_config(module, args=size)
    return Built(module, stated=_stated(spec, stated))


SOURCE = Source(
    weight_names=weight_names,
    published=published,
    build=build,
)


def _timm() -> Any:
    try:
        import timm
    except ImportError as error:
        raise ModelError(
            "model.source=timm needs timm, which is not installed: "
            "pip install 'lens-pipeline[timm]'."
        ) from error
    return timm


def _config(spec: ModelSpec, tag: str) -> Any:
    return _timm().get_pretrained_cfg(f"{spec.name.partition('.')[0]}.{tag}")


def _trained(spec: ModelSpec) -> dict[str, Any]:
    """Hand timm the tensors of the file, so that it adapts old layouts but fetches nothing."""
    from lens_pipeline.models.state_dicts import read_state_dict

    path = published(spec, spec.weights).found
    if path is None:
        raise ModelError(
            f"The weights {spec.weights} of {spec.name} are no longer in the cache; give the "
            "command again, which fetches them."
        )
    return {
        "pretrained": True,
        "pretrained_cfg_overlay": {"state_dict": read_state_dict(path), "source": None},
    }


def _fetch(repository: str) -> Path:
    from huggingface_hub import hf_hub_download

    forbid_offline()
    try:
        return Path(hf_hub_download(repository, _FILES[0]))
    except Exception as error:  # The hub raises errors of its own and of its HTTP client.
        reason = str(error).strip().partition("\n")[0]
        raise ModelError(f"{repository} could not be fetched ({reason})") from error


def _stated(spec: ModelSpec, config: dict[str, Any]) -> Preprocessing:
    """Return timm's evaluation transform as data."""
    _, height, width = config["input_size"]
    squash = config["crop_mode"] == "squash"
    if config["crop_mode"] == "border" or (height != width and not squash):
        raise ModelError(
            f"timm's {spec.name} pads its images ({config['crop_mode']}, {height}x{width}), which "
            "no preprocessing setting says; return (model, transform) from a model.target instead."
        )
    scaled = tuple(math.floor(side / config["crop_pct"]) for side in (height, width))
    return Preprocessing(
        resize=scaled if squash else scaled[0],
        resize_mode="squash" if squash else "shorter",
        interpolation=config["interpolation"],
        crop=(height, width) if height != width else height,
        mean=tuple(config["mean"]),
        std=tuple(config["std"]),
    )
