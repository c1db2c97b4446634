"""Stimuli kept as they come out of decoding, resizing and cropping, for the next model.

Decoding a photograph takes longer than many a small network's forward pass, and the models of a
sweep mostly want the same pixels. A file of the cache is named by the content of the image and by
what was done to it, so a changed image or another crop is simply another file; normalisation, in
which models differ, comes afterwards. The folder stays below a size: what was used least recently
goes first. Several processes may share it: files appear whole, and one that vanishes or is damaged
is made again.
"""

from __future__ import annotations

import contextlib
import math
import os
import struct
import threading
import zlib
from typing import TYPE_CHECKING

import numpy as np

from lens_pipeline.digests import digest_value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from lens_pipeline.models.spec import Preprocessing

# What is left when room is made, of the most that is allowed.
_LEFT = 0.8
_SUFFIX = ".pixels"
_CHECKSUM = 4  # bytes, at the end of a file
# channel, row, col, at its beginning
_SHAPE = struct.Struct("<3I")


class Prepared:
    """A folder of framed stimuli and the size, in bytes, that it may have."""

    def __init__(self, folder: Path, *, most: int) -> None:
        self.folder = folder
        self.most = most
        # bytes added by this process since it last looked at the whole folder
        self._added = 0

    def fetch(self, key: str, make: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the uint8 array of `key`, shape (channel, row, col), from the folder or made now.

        A folder that cannot be written to is no error: the array is made each time.
        """
        path = self.folder / key[:2] / f"{key}{_SUFFIX}"
        found = _read(path)
        if found is not None:
            return found
        array = np.ascontiguousarray(make())
        with contextlib.suppress(OSError):
            _write(path, array)
            self._added += array.nbytes
            if self._added > self.most * (1 - _LEFT) / 2:
                self._added = 0
                make_room(self.folder, most=self.most)
        return array


def frame_digest(preprocessing: Preprocessing, versions: dict[str, str]) -> str:
    """Return the digest of what is done to an image before normalisation, and by which library."""
    return digest_value(
        {
            "resize": preprocessing.resize,
            "resize_mode": preprocessing.resize_mode,
            "interpolation": preprocessing.interpolation,
            "antialias": preprocessing.antialias,
            "crop": preprocessing.crop,
            "pillow": versions["pillow"],
            "torch": versions["torch"],
        }
    )


def make_room(folder: Path, *, most: int) -> None:
    """Delete what was used least recently if the folder is larger than `most` bytes."""
    files = sorted(_files(folder))
    size = sum(n_bytes for _, n_bytes, _ in files)
    if size <= most:
        return
    for _, n_bytes, path in files:
        if size <= _LEFT * most:
            return
        with contextlib.suppress(OSError):
            path.unlink()
        size -= n_bytes


def _files(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """Yield (time of last use, bytes, path) of every file of the cache."""
    for path in folder.glob("*/*"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            yield stat.st_mtime, stat.st_size, path


def _read(path: Path) -> np.ndarray | None:
    """Return the array in a file, None where there is no file or it is not what was written."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    with contextlib.suppress(OSError):  # whoever may only read the folder still gains from it
        os.utime(path)
    payload, checksum = bytearray(content[:-_CHECKSUM]), content[-_CHECKSUM:]
    whole = zlib.crc32(payload).to_bytes(_CHECKSUM, "little") == checksum
    if not whole or len(payload) < _SHAPE.size:
        return None
    shape = _SHAPE.unpack_from(payload)
    if len(payload) - _SHAPE.size != math.prod(shape):
        return None
    return np.frombuffer(payload, np.uint8, offset=_SHAPE.size).reshape(shape)


def _write(path: Path, array: np.ndarray) -> None:
    """Write beside and rename; the checksum tells if a power failure left half a file."""
    payload = _SHAPE.pack(*array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}.part")
    try:
        beside.write_bytes(payload + zlib.crc32(payload).to_bytes(_CHECKSUM, "little"))
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
