"""The source `target`: a function of the user's own, as `package.module:function`.

It returns a module, or a module and the transform from an RGB image to its input. What it loads by
itself counts as the weights `default`; `random` passes weights=None or pretrained=False where the
function has such a parameter, and otherwise takes what it builds under the seed.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import ModelError, nearest
from lens_pipeline.models.published import Published
from lens_pipeline.models.source import Built, Source, building, untrained
from lens_pipeline.models.spec import arguments_of
from lens_pipeline.own_files import forget_changed, own_files, working_folder_importable

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

    import torch
    from PIL.Image import Image

    from lens_pipeline.models.source import Transform
    from lens_pipeline.models.spec import ModelSpec

# The name of the weights that the function loads by itself.
AS_BUILT = "default"


def build(spec: ModelSpec) -> Built:
    """Call the target with `arguments`."""
    from torch import nn

    with working_folder_importable():
        function = _function(spec)
        arguments = arguments_of(spec)
        if spec.weights != AS_BUILT:
            arguments = untrained(function, arguments) | arguments
        with building(spec):
            result = function(**arguments)
    match result:
        case nn.Module():
            return Built(result)
        case (nn.Module() as module, transform) if callable(transform):
            checked = functools.partial(_prepared, transform=transform, target=str(spec.target))
            return Built(module, transform=checked)
    raise ModelError(
        f"model.target={spec.target} returned {_described(result)}; "
        "it must return a torch.nn.Module, or a module and a transform."
    )


def files(spec: ModelSpec) -> tuple[Path, ...]:
    """Return the file of the target's source, and those of the user's own that it imports."""
    with working_folder_importable():
        function = _function(spec)
        name = _module_name(spec)
        first = _source_file(function, sys.modules[name], spec)
        found = {first: None} | dict.fromkeys(sorted(own_files(name).values()))
    return tuple(found)


def _module_name(spec: ModelSpec) -> str:
    return str(spec.target).partition(":")[0]


def _source_file(function: Callable[..., Any], module: ModuleType, spec: ModelSpec) -> Path:
    try:
        source = inspect.getsourcefile(inspect.unwrap(function))
    except TypeError:
        source = getattr(module, "__file__", None)
    if source is None:
        raise ModelError(f"model.target={spec.target} stands in no file whose content can be kept.")
    return Path(source).resolve()


def published(spec: ModelSpec, weights: str) -> Published:
    """Return the target's own file: nothing else is known of what it loads."""
    file = files(spec)[0]
    return Published(weights, found=file, wanted=file, fetch=lambda: file)


SOURCE = Source(
    weight_names=lambda _: (AS_BUILT,),
    published=published,
    build=build,
    files=files,
)


def _function(spec: ModelSpec) -> Callable[..., Any]:
    name, _, path = (spec.target or "").partition(":")
    if not name or not path:
        raise ModelError(
            f"model.target={spec.target or ''} is no function; write package.module:function."
        )
    value = _module(name, spec)
    for part in path.split("."):
        if not hasattr(value, part):
            public = [word for word in vars(value) if not word.startswith("_")]
            raise ModelError(f"model.target: {name} has no {path!r}; {nearest(part, public)}.")
        value = getattr(value, part)
    if not callable(value):
        raise ModelError(
            f"model.target={spec.target} is of type {type(value).__name__}, no function."
        )
    return value  # type: ignore[no-any-return]


def _module(name: str, spec: ModelSpec) -> Any:
    forget_changed(name)
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ModelError(
                f"model.target={spec.target}: there is no module {error.name!r} in the working "
                "folder or among the installed packages."
            ) from error
        raise ModelError(
            f"model.target={spec.target}: {name} imports {error.name!r}, which is not installed."
        ) from error
    except Exception as error:
        raise ModelError(
            f"model.target={spec.target}: importing {name} failed: {type(error).__name__}: {error}."
        ) from error


def _prepared(image: Image, *, transform: Transform, target: str) -> torch.Tensor:
    """Apply the user's transform and hold it to what every transform must return."""
    import torch

    try:
        values = transform(image)
    except Exception as error:
        raise ModelError(
            f"The transform of model.target={target} failed: {type(error).__name__}: {error}."
        ) from error
    if not isinstance(values, torch.Tensor) or values.ndim != 3:
        found = f"shape {tuple(values.shape)}" if hasattr(values, "shape") else _described(values)
        raise ModelError(
            f"The transform of model.target={target} gave {found}; it must give a "
            "(channel, row, col) tensor for one image."
        )
    return values.float()


def _described(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple of {', '.join(type(item).__name__ for item in value)}"
    return f"a value of type {type(value).__name__}"
