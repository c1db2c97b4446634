from __future__ import annotations

import zlib

import pytest

from lens_pipeline.errors import StoreError
from lens_pipeline.store.seal import append_seal, find_seal, is_intact, sealed_record

RECORD = {"key": "k", "stimulus_ids": ["ü", "b/c"]}


@pytest.fixture
def sealed(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 9000)
    append_seal(path, RECORD)
    return path


def test_a_sealed_file_gives_back_its_record(sealed):
    """The content stays as it was and the checksum is zlib's over all but the last 20 bytes."""
    seal = find_seal(sealed)
    assert sealed_record(sealed, seal) == RECORD
    assert seal.content == 256 * 9000
    assert seal.checksum == zlib.crc32(sealed.read_bytes()[:-20])
    assert is_intact(sealed, seal)


@pytest.mark.parametrize("place", [0, 1_500_000, 256 * 9000 + 3])
def test_one_changed_bit_is_found(sealed, place):
    """At the start, in the middle, and in the record."""
    data = bytearray(sealed.read_bytes())
    data[place] ^= 1
    sealed.write_bytes(data)
    assert not is_intact(sealed, find_seal(sealed))


@pytest.mark.parametrize("size", [0, 7, 256 * 9000, -1])
def test_a_truncated_file_has_no_seal(sealed, size):
    """However much of it is left."""
    data = sealed.read_bytes()
    sealed.write_bytes(data[:size])
    assert find_seal(sealed) is None


def test_content_lost_before_the_seal_is_found(sealed):
    """A seal that outlived part of its file promises nothing."""
    sealed.write_bytes(sealed.read_bytes()[1_000_000:])
    assert find_seal(sealed) is None


def test_a_file_that_cannot_be_read_is_not_taken_for_absent(tmp_path):
    """A folder stands for what the system refuses to read, since root may read everything."""
    with pytest.raises(StoreError, match="cannot be read: Is a directory; allow it and give the"):
        find_seal(tmp_path)


def test_an_absent_file_has_no_seal(tmp_path):
    """It is no error to look."""
    assert find_seal(tmp_path / "absent") is None
