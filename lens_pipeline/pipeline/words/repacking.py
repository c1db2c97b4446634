"""`repack RUN`: a run's activations as one file or one Zarr store, to give away or to archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lens_pipeline.errors import ConfigError
from lens_pipeline.pipeline.console import say, size_text
from lens_pipeline.pipeline.words.byte_bar import byte_bar
from lens_pipeline.pipeline.words.exporting import beside
from lens_pipeline.pipeline.words.options import choice, run_with_activations
from lens_pipeline.store.compression import COMPRESSIONS
from lens_pipeline.store.repacking import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = {"to": "netcdf", "compression": "auto", "dtype": "keep", "out": ""}
_SUFFIXES = {"netcdf": ".nc", "zarr": ".zarr"}


def repack_run(folder: Path, options: Mapping[str, str]) -> Path:
    """Write what `options` ask for and return it; by default beside the run folder, as RUN.nc.

    Raises ConfigError for an option that is not allowed, StoreError where there is no complete
    run, for a shard that has changed since it was written, where the name is taken, and for a disk
    that is full.
    """
    kind = choice("to", options["to"], tuple(_SUFFIXES))
    compression = choice("compression", options["compression"], tuple(COMPRESSIONS))
    dtype = choice("dtype", options["dtype"], DTYPES)
    if kind == "zarr" and (compression, dtype) != ("auto", "keep"):
        raise ConfigError("repack to=zarr takes no compression and no dtype: Zarr's own are used.")
    run_with_activations(folder)
    out = Path(options["out"]) if options["out"] else beside(folder, _SUFFIXES[kind])
    with byte_bar("repacking", _checked_size(folder)) as done:
        if kind == "netcdf":
            from lens_pipeline.store.repacking import repack_netcdf

            repack_netcdf(folder, out, compression=compression, dtype=dtype, done=done)
        else:
            from lens_pipeline.store.zarr_store import repack_zarr

            repack_zarr(folder, out, done=done)
    return out


def _checked_size(folder: Path) -> int:
    """Return the bytes of the values as they are read; StoreError for a shard that has changed."""
    from contextlib import closing

    from lens_pipeline.exports.parts import part_bytes, parts_of
    from lens_pipeline.store.trees import open_activations
    from lens_pipeline.store.verification import check_shards

    with closing(open_activations(folder)) as tree:
        check_shards(tree, folder)
        return sum(part_bytes(part) for part in parts_of(tree))


def repack_command(folder: Path, options: Mapping[str, str]) -> None:
    """Repack and say where it is and how it is opened."""
    out = repack_run(folder, options)
    files = [path for path in out.rglob("*") if path.is_file()] if out.is_dir() else [out]
    size = size_text(sum(path.stat().st_size for path in files))
    say(f"repacked: {out} ({size}); in Python: xarray.open_datatree({str(out)!r})")
