"""Digests depend on content alone, and a file is read again only when it can have changed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from lens_pipeline import digests

if TYPE_CHECKING:
    from pathlib import Path


def test_key_order_does_not_change_a_digest() -> None:
    """Equal JSON values have equal digests; another value has another."""
    assert digests.digest_value({"a": 1, "b": (2, 3)}) == digests.digest_value(
        {"b": [2, 3], "a": 1}
    )
    assert digests.digest_value({"a": 1}) != digests.digest_value({"a": 2})


def test_a_value_is_digested_as_its_shortest_json() -> None:
    """Keys of what was stored must not change: UTF-8, sorted keys, no blanks, 16 bytes."""
    text = '{"a":[1.5,true,null],"b":"\u00fc"}'
    expected = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    assert digests.digest_value({"b": "\u00fc", "a": (1.5, True, None)}) == expected


def test_file_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    """A file read in blocks has the digest of the whole."""
    data = os.urandom(3_000_000)
    path = tmp_path / "file"
    path.write_bytes(data)
    assert digests.digest_file(path) == digests.digest_bytes(data)


def test_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A known stamp is believed while the inode is as it was."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    known = digests.stamp_files([path])
    monkeypatch.setattr(digests, "digest_file", lambda _: pytest.fail("the file was read"))
    assert digests.stamp_files([path], known=known) == known


def test_change_behind_a_restored_time_is_seen(tmp_path: Path) -> None:
    """Same size, same modification time, other bytes: the digest is another."""
    path = tmp_path / "file"
    path.write_bytes(b"one")
    known = digests.stamp_files([path])
    stat = path.stat()
    path.write_bytes(b"two")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert digests.stamp_files([path], known=known)[str(path)].digest != known[str(path)].digest
