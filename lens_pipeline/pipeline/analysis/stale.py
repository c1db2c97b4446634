"""What an earlier analysis made and this one does not is removed once this one is whole."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# fmt: off
_RESULTS = (
    "rdms.nc", "scores.csv", "scores.parquet", "layers.csv", "comparisons.csv", "choices.csv",
    "parts.csv", "fitted.csv", "cka.csv", "time.csv", "encoding.csv", "encoding_units.parquet",
    "health.csv", "columns.csv", "figures/*.png", "figures/*.svg", "figures/*.csv",
)
# fmt: on


@contextmanager
def earlier_results_removed(folder: Path) -> Iterator[None]:
    """Analyse in the block; results that it did not write anew are deleted if it ends well.

    Every result is written beside and renamed, so one that is the same file as before is old.
    """
    before = _files(folder)
    yield
    for path, stamp in _files(folder).items():
        if before.get(path) == stamp:
            path.unlink()
    with suppress(OSError):
        (folder / "figures").rmdir()


def _files(folder: Path) -> dict[Path, tuple[int, int]]:
    found = [path for pattern in _RESULTS for path in folder.glob(pattern)]
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in found}
