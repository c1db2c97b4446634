"""Digests of files and of plain values: what keys are made of.

A digest depends on content alone, never on time, path or object identity. Reading 26,107 images
again only to see that none has changed would take minutes, so a file's digest is remembered with
the four facts of its inode that change whenever its content can have changed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

_BLOCK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file's digest and the state of the inode for which it holds."""

    # bytes
    size: int
    # nanoseconds since the epoch
    mtime_ns: int
    # nanoseconds since the epoch; the kernel sets it, so a restored mtime does not hide a change
    ctime_ns: int
    inode: int
    # hexadecimal BLAKE2b, 16 bytes
    digest: str


def digest_bytes(data: bytes) -> str:
    """Return the hexadecimal BLAKE2b digest (16 bytes) of `data`."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def digest_value(value: Any) -> str:
    """Return the digest of a JSON value; key order does not matter.

    Raises TypeError for a value that JSON cannot hold.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return digest_bytes(text.encode())


def digest_file(path: Path) -> str:
    """Return the digest of a file's bytes, read in blocks."""
    state = hashlib.blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            state.update(block)
    return state.hexdigest()


def stamp_files(
    paths: Iterable[Path], *, known: Mapping[str, FileStamp] | None = None
) -> dict[str, FileStamp]:
    """Return a stamp per path, reading only files whose inode differs from their `known` stamp.

    Raises OSError for a path that cannot be read.
    """
    known = known or {}
    return {str(path): _stamp(path, known.get(str(path))) for path in paths}


def _stamp(path: Path, before: FileStamp | None) -> FileStamp:
    stat = path.stat()
    state = (stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino)
    if before and state == (before.size, before.mtime_ns, before.ctime_ns, before.inode):
        return before
    return FileStamp(*state, digest=digest_file(path))
