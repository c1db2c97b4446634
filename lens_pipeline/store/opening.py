"""What is checked before a file of ours is read: is it there, is it ours, can it be read whole."""

from __future__ import annotations

import contextlib
import json
import resource
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import StoreError
from lens_pipeline.store.schema import FORMAT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

# Open files that a process needs beside the shards.
_OTHER_FILES = 128


def existing(path: Path, name: str) -> Path:
    """Return the file `path`, or the file `name` in the folder `path`, or raise StoreError."""
    file = path / name if path.is_dir() else path
    if not file.is_file():
        raise StoreError(
            f"There is no {file}; give a run folder that holds {name}, or run the job first."
        )
    return file


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn what the netCDF library raises for a file that it cannot read into StoreError."""
    try:
        yield
    except (OSError, ValueError, KeyError) as error:
        raise StoreError(
            f"{file} cannot be read as netCDF-4 ({error}); it is damaged or something else."
        ) from error


def check_attrs(attrs: Mapping[Any, Any], file: Path, *, kind: str) -> None:
    """Raise StoreError unless root attributes say that this package can read the file."""
    version = attrs.get("lens_store_format")
    if version is None or attrs.get("kind") != kind:
        raise StoreError(
            f"{file} holds no {kind} of this package; give a run folder that lens_pipeline wrote."
        )
    if int(version) > FORMAT:
        raise StoreError(
            f"{file} has store format {version}, newer than {FORMAT}, the newest that this version "
            f"reads; update lens_pipeline."
        )


def check_filters(attrs: Mapping[Any, Any], file: Path) -> None:
    """Raise StoreError if this machine's netCDF library cannot decompress what `file` shows."""
    if "zstd" not in json.loads(attrs.get("filters", "[]")):
        return
    import netCDF4

    with netCDF4.Dataset(file) as dataset:
        if not dataset.has_zstd_filter():
            raise StoreError(
                f"The shards of {file} are compressed with zstd, which the netCDF library here "
                f"cannot undo; install netCDF4 from PyPI, which brings it, and leave "
                f"HDF5_PLUGIN_PATH unset, or run again with run.compression=none."
            )


def allow_open_files(count: int, file: Path) -> None:
    """Let this process open `count` files beside its others; raise StoreError if it may not.

    Raises the soft limit of the process as far as needed and the hard limit allows.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = count + _OTHER_FILES
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
    except (ValueError, OSError) as error:
        raise StoreError(
            f"{file} shows {count} shards and this process may open only {hard} files; allow more "
            f"with `ulimit -n {needed}`."
        ) from error
