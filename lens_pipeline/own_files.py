"""The user's own Python files behind a module: that of the module, and of all that it imports.

Own is what lies outside the folders of Python's library, of installed packages and of this package.
Files are found and read, and none is run. What counts as imported is what stands in an import
statement, inside functions too; what is imported by a computed name is not found.
"""

from __future__ import annotations

import ast
import contextlib
import functools
import importlib
import importlib.util
import os
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.digests import digest_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from importlib.machinery import ModuleSpec

# module name -> digest of its file when it was last let in by `forget_changed`
_let_in: dict[str, str] = {}


def own_files(module: str) -> dict[str, Path]:
    """Return {module: file} of the user's own modules behind `module`, itself first if it is one.

    The working folder is searched too.
    """
    found: dict[str, Path | None] = {}
    importlib.invalidate_caches()  # a file may be younger than the last listing of its folder
    with working_folder_importable():
        _walk(module, found)
    return {name: path for name, path in found.items() if path is not None}


def forget_changed(module: str) -> None:
    """Have the user's own modules imported anew if a file of theirs changed since the last call.

    A process that outlives a run, as a worker of a lasting cluster does, has the modules of the
    earlier run in memory.
    """
    digests = {name: digest_file(path) for name, path in own_files(module).items()}
    if any(_let_in.get(name, digest) != digest for name, digest in digests.items()):
        for name in digests:
            sys.modules.pop(name, None)
    _let_in.update(digests)


def find_module(name: str) -> ModuleSpec | None:
    """Find a module's file as an import would, but without running its parent packages."""
    search: list[str] | None = None
    spec = None
    parts = name.split(".")
    for depth, part in enumerate(parts, start=1):
        try:
            spec = _ask_finders(".".join(parts[:depth]), search)
        except KeyError:  # a folder without __init__.py asks for a parent that is not imported
            spec, search = None, _folders(part, search or [])
            continue
        if spec is None:
            return None
        search = list(spec.submodule_search_locations or ())
    return spec


@contextlib.contextmanager
def working_folder_importable() -> Iterator[None]:
    """Let the user's modules in the working folder be imported, however Python was started."""
    folder = os.getcwd()  # noqa: PTH109
    if folder in sys.path or "" in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        sys.path.remove(folder)


def _folders(part: str, search: list[str]) -> list[str]:
    return [str(path) for folder in search if (path := Path(folder, part)).is_dir()]


def _ask_finders(name: str, search: list[str] | None) -> ModuleSpec | None:
    for finder in sys.meta_path:
        spec = finder.find_spec(name, search)
        if spec is not None:
            return spec
    return None


def _walk(name: str, found: dict[str, Path | None]) -> None:
    if name in found:
        return
    found[name] = path = _own_file(name)
    if path is not None:
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for imported in _imports(path, package):
            _walk(imported, found)


def _own_file(name: str) -> Path | None:
    root = name.partition(".")[0]
    if name != root and _foreign(_file_of(root)):
        return None
    path = _file_of(name)
    return None if _foreign(path) else path


def _file_of(name: str) -> Path | None:
    try:
        spec = find_module(name)
    except Exception:  # noqa: BLE001  a finder of somebody's that fails
        return None
    origin = spec.origin if spec else None
    return Path(origin).resolve() if origin and origin.endswith(".py") else None


def _foreign(path: Path | None) -> bool:
    return path is not None and any(map(path.is_relative_to, _not_own()))


@functools.cache
def _not_own() -> tuple[Path, ...]:
    folders = map(sysconfig.get_path, ("stdlib", "platstdlib", "purelib", "platlib"))
    ours = Path(__file__).parent
    return (ours.resolve(), *(Path(folder).resolve() for folder in folders))


def _imports(path: Path, package: str) -> Iterator[str]:
    """Yield the full name of every module, and of every name in one, that a file may import."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return
    for part in ast.walk(tree):
        match part:
            case ast.Import(names=names):
                for one in names:
                    yield from _and_parents(one.name)
            case ast.ImportFrom(module=module, names=names, level=level):
                with contextlib.suppress(ImportError):
                    base = importlib.util.resolve_name("." * level + (module or ""), package)
                    yield from _and_parents(base)
                    yield from (f"{base}.{one.name}" for one in names)


def _and_parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    yield from (".".join(parts[:n]) for n in range(1, len(parts) + 1))
