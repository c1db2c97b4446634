"""A user's own postfunction, named by its dotted path: `package.module:function`.

Its source file is found, checked for the name and digested without being run, so that a plan can
be made, and a finished run recognised, without importing what it imports. `load` runs exactly the
bytes that were digested: neither a module imported earlier nor a stale `.pyc` is trusted.

The digest covers the file and the user's own files that it imports. It may lie in the working
directory.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lens_pipeline.digests import digest_bytes, digest_file, digest_value
from lens_pipeline.errors import PostfunctionError, nearest
from lens_pipeline.own_files import (
    find_module,
    forget_changed,
    own_files,
    working_folder_importable,
)
from lens_pipeline.postfunctions.axes import Dims, Postfunction, unit_dims

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec

    from torch import Tensor


def is_dotted_path(text: str) -> bool:
    """Return whether `text` has the form `package.module:function`."""
    module, colon, name = text.partition(":")
    return bool(colon) and name.isidentifier() and all(p.isidentifier() for p in module.split("."))


def digest_source(path: str) -> str:
    """Return the digest of what defines the function `package.module:function`.

    That is its file and the user's own files behind it. Raises PostfunctionError if there is no
    such file, or if it cannot define such a name.
    """
    spec, source = _read(path)
    names = _top_level_names(source, path)
    name = path.partition(":")[2]
    if name not in names and "*" not in names:
        raise PostfunctionError(
            f"Postfunction {path!r} names nothing in {spec.origin}; {nearest(name, names)}."
        )
    return _digest(spec, source)


def load(path: str, digest: str) -> Postfunction:
    """Run the file of `package.module:function` and return the function as a postfunction.

    Raises PostfunctionError if its files no longer have that digest, the file fails to run, or the
    name is not callable.
    """
    with working_folder_importable():
        spec, source = _read(path)
        if _digest(spec, source) != digest:
            raise PostfunctionError(
                f"Postfunction {path!r} changed on disk ({spec.origin}, or what it imports) since "
                "the run was planned; start the run again."
            )
        forget_changed(spec.name)
        function = _run_module(path, spec, source).get(path.partition(":")[2])
    if not callable(function):
        raise PostfunctionError(f"Postfunction {path!r} is not callable; name a function.")

    def adapted(tensor: Tensor, dims: Dims) -> tuple[Tensor, Dims]:
        # A copy, because a function that works in place would change what the model computes next.
        result = _checked(function(tensor.clone()), tensor)
        unchanged = result.shape == tensor.shape
        return result, dims if unchanged else unit_dims(tuple(result.shape[1:]))

    return adapted


def _checked(result: Any, tensor: Tensor) -> Tensor:
    """Return `result` if it is a tensor of as many stimuli, finite where the input was."""
    import torch

    if not isinstance(result, torch.Tensor):
        raise TypeError(f"it returned a {type(result).__name__}, not a tensor")
    if result.ndim == 0 or result.shape[0] != tensor.shape[0]:
        raise ValueError(
            f"it returned shape {tuple(result.shape)} for {tensor.shape[0]} stimuli; "
            "the first axis must stay the stimuli"
        )
    if not result.isfinite().all() and tensor.isfinite().all():
        raise ValueError("it returned NaN or infinity for finite input")
    return result.detach()


def _digest(spec: ModuleSpec, source: bytes) -> str:
    """Return the digest of a file, of several together where it imports own ones."""
    others = [file for name, file in sorted(own_files(spec.name).items()) if name != spec.name]
    own = digest_bytes(source)
    return digest_value([own, *map(digest_file, others)]) if others else own


def _read(path: str) -> tuple[ModuleSpec, bytes]:
    module = path.partition(":")[0]
    importlib.invalidate_caches()  # the file may be younger than the last listing of its folder
    with working_folder_importable():
        spec = find_module(module)
    if spec is None or not spec.origin or not spec.origin.endswith(".py"):
        raise PostfunctionError(
            f"Postfunction {path!r} needs a module {module!r}, and no Python file of that name is "
            "in the working directory or on Python's path."
        )
    return spec, Path(spec.origin).read_bytes()


def _top_level_names(source: bytes, path: str) -> list[str]:
    """List what a module's top level binds; "*" stands for a star import."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError) as error:
        raise PostfunctionError(f"Postfunction {path!r} is in a broken file: {error}.") from None
    names: list[str] = []
    waiting: list[ast.AST] = [tree]
    while waiting:
        match waiting.pop():
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names.append(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.append(name)
            case ast.alias(name=name, asname=asname):
                names.append(asname or name)
            case node:
                waiting.extend(ast.iter_child_nodes(node))
    return names


def _run_module(path: str, spec: ModuleSpec, source: bytes) -> dict[str, Any]:
    """Run `source` as the module that `spec` describes and return its names."""
    try:
        if parent := spec.name.rpartition(".")[0]:
            importlib.import_module(parent)
        module = importlib.util.module_from_spec(spec)
        exec(compile(source, spec.origin or path, "exec"), module.__dict__)  # noqa: S102 - the user's own file, named by the user
    except Exception as error:
        raise PostfunctionError(
            f"Postfunction {path!r} could not be loaded from {spec.origin}: "
            f"{type(error).__name__}: {error}."
        ) from error
    return module.__dict__
