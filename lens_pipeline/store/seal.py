"""The seal at the end of a shard: what it holds, and proof that it is whole and unchanged.

A file cannot contain its own checksum, and a checksum in a second file can be lost or outlive the
first. So the proof is appended: HDF5 knows where its own bytes end and ignores what follows. One
rename then publishes data and proof together. From the front of the file:

    the netCDF-4 bytes | a JSON record | length of the netCDF-4 bytes, CRC-32, b"LENSEAL1"

The CRC-32 is over everything before the last part. It finds damage, not malice, and runs at
several GB/s, so that sealing costs nothing beside waiting for the disk.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lens_pipeline.errors import StoreError

if TYPE_CHECKING:
    import io
    from collections.abc import Mapping
    from pathlib import Path

_FOOTER = struct.Struct("<QI8s")
_MAGIC = b"LENSEAL1"
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Seal:
    """The last part of a sealed file."""

    # bytes before the JSON record
    content: int
    # CRC-32 of all bytes before the footer
    checksum: int
    # bytes of the whole file
    size: int


def append_seal(path: Path, record: Mapping[str, Any]) -> None:
    """Seal a finished file. The disk takes the content while the checksum is computed."""
    with path.open("r+b") as file, ThreadPoolExecutor(1) as disk:
        flushed = disk.submit(os.fsync, file.fileno())
        checksum = _checksum(file)
        content = file.tell()
        text = json.dumps(record, ensure_ascii=False).encode()
        flushed.result()
        file.write(text + _FOOTER.pack(content, zlib.crc32(text, checksum), _MAGIC))


def find_seal(path: Path) -> Seal | None:
    """Return a file's seal, or None if the file is absent or unsealed; reads 20 bytes.

    Raises StoreError for a file that is there and cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            file.seek(max(0, size - _FOOTER.size))
            footer = file.read(_FOOTER.size)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise StoreError(
            f"{path} cannot be read: {error.strerror}; allow it and give the same command again."
        ) from error
    if len(footer) < _FOOTER.size:
        return None
    content, checksum, magic = _FOOTER.unpack(footer)
    room = size - _FOOTER.size - content
    return Seal(content, checksum, size) if magic == _MAGIC and room >= 2 else None


def sealed_record(path: Path, seal: Seal) -> dict[str, Any]:
    """Return the JSON record; raises ValueError if it is damaged."""
    with path.open("rb") as file:
        file.seek(seal.content)
        text = file.read(seal.size - seal.content - _FOOTER.size)
    value: dict[str, Any] = json.loads(text)
    return value


def is_intact(path: Path, seal: Seal) -> bool:
    """Read the whole file and compare it with its seal."""
    with path.open("rb") as file:
        return _checksum(file, seal.size - _FOOTER.size) == seal.checksum


def _checksum(file: io.BufferedRandom | io.BufferedReader, most: int | None = None) -> int:
    checksum, left = 0, most
    while block := file.read(_BLOCK if left is None else min(_BLOCK, left)):
        checksum = zlib.crc32(block, checksum)
        left = None if left is None else left - len(block)
    return checksum
