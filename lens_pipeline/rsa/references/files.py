"""Reading RDMs, responses and features that other programs wrote, by the extension of the file.

Each reader gives the same plain values, with ids where the file has them. No
code from a file is ever run (nothing is unpickled). Checking and joining by id are in
references.py, noise ceilings in comparison.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.array_files import read_netcdf, read_npz, read_rsatoolbox
from lens_pipeline.rsa.references.matlab_files import read_mat
from lens_pipeline.rsa.references.matrices import Matrices, Table
from lens_pipeline.rsa.references.responses import Responses
from lens_pipeline.rsa.references.table_files import read_table

# RDMs, features of stimuli, or responses of units
Found = Matrices | Table | Responses
Reader = Callable[[Path, str | None], Found]


def read_reference(path: Path, key: str | None) -> Found:
    """Read a file by its extension; ids may also stand, one a line, in NAME.ids.txt beside it.

    Raises ComparisonError for a file, key or layout that cannot be read without guessing.
    """
    try:
        reader = READERS[path.suffix.lower()]
    except KeyError:
        raise ComparisonError(
            f"The reference {path} has a format that is not read; allowed: {', '.join(READERS)}."
        ) from None
    try:
        found = reader(path, key)
    except (OSError, ValueError, KeyError, NotImplementedError) as error:
        raise ComparisonError(f"The reference {path} cannot be read: {error}.") from error
    beside = path.with_name(path.stem + ".ids.txt")
    if found.ids is None and beside.is_file():
        lines = tuple(beside.read_text(encoding="utf-8").split("\n"))
        ids = tuple(line.strip() for line in lines if line.strip())
        return replace(found, ids=ids)
    return found


READERS: dict[str, Reader] = {
    ".npz": read_npz,
    ".npy": read_npz,
    ".nc": read_netcdf,
    ".csv": read_table,
    ".tsv": read_table,
    ".parquet": read_table,
    ".mat": read_mat,
    ".hdf5": read_rsatoolbox,
    ".h5": read_rsatoolbox,
}
