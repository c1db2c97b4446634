"""An HDF5 file whose disk may fill up without harm.

HDF5 cannot give up a file that it failed to write: closing it raises again, the descriptor stays
open, and with chunked data the process ends in a segmentation fault. So HDF5 writes through a
Python file that remembers the first OSError and from then on pretends that all is well; HDF5
closes cleanly and the error is raised here. A contiguous write costs one call, as a bare file does.
"""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import h5py

_T = TypeVar("_T")


class Sink(io.RawIOBase):
    """The file that HDF5 sees; `error` is the first OSError, after which nothing is written."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        # None while all is well
        self.error: OSError | None = None

    def check(self) -> None:
        """Raise the error that was kept from HDF5, if there is one."""
        if self.error:
            raise self.error

    def write(self, data: Any) -> int:
        """Write all of `data`; a bare write may stop short."""
        view = memoryview(data)
        done = 0
        while done < len(view) and not self.error:
            done += self._attempt(self._file.write, view[done:]) or 0
        return len(view)

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer from the file; HDF5 asks only for what it wrote."""
        return self._attempt(self._file.readinto, buffer) or 0

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move, as a file does."""
        return self._attempt(self._file.seek, offset, whence) or 0

    def tell(self) -> int:
        """Return the position, as a file does."""
        return self._file.tell()

    def truncate(self, size: int | None = None) -> int:
        """Set the size, as a file does."""
        return self._attempt(self._file.truncate, size) or 0

    def readable(self) -> bool:
        """HDF5 reads back its own metadata."""
        return True

    def writable(self) -> bool:
        """Say that this is for writing."""
        return True

    def seekable(self) -> bool:
        """Say that any place can be written."""
        return True

    def _attempt(self, operation: Callable[..., _T], *arguments: Any) -> _T | None:
        if self.error:
            return None
        try:
            return operation(*arguments)
        except OSError as error:
            self.error = error
            return None


@contextlib.contextmanager
def new_hdf5(path: Path) -> Iterator[tuple[h5py.File, Sink]]:
    """Make an HDF5 file; links keep their order of creation.

    Raises OSError, at the latest at the end, if anything could not be written.
    """
    import h5py

    with path.open("w+b", buffering=0) as file:
        sink = Sink(file)
        with h5py.File(sink, "w", track_order=True, libver=("v108", "latest")) as hdf5:
            yield hdf5, sink
        sink.check()
