from __future__ import annotations

import contextlib

import pytest

from lens_pipeline import atomic
from lens_pipeline.atomic import remove_leftovers, replacing, write_text
from lens_pipeline.errors import StoreError


def test_a_name_shows_the_old_content_until_the_new_is_whole(tmp_path):
    """Readers see one or the other."""
    path = tmp_path / "new" / "file.txt"
    write_text(path, "old")
    with replacing(path) as temporary:
        temporary.write_text("half")
        assert path.read_text() == "old"
        temporary.write_text("new, grün")
    assert path.read_text() == "new, grün"
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_the_old_content_and_nothing_else(tmp_path):
    """Even an interrupt from the keyboard."""
    path = tmp_path / "file.txt"
    path.write_text("old")
    with contextlib.suppress(KeyboardInterrupt), replacing(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    """First the file is waited for, then it is renamed, then the folder is waited for."""
    path = tmp_path / "x.txt"
    seen = []
    monkeypatch.setattr(atomic, "sync", lambda waited: seen.append((waited, path.exists())))
    write_text(path, "new")
    (temporary, was_there), folder = seen
    assert (temporary.name.endswith(".part"), was_there) == (True, False)
    assert folder == (tmp_path, True)


def test_folders_on_the_way_are_made(tmp_path):
    """A path into folders that are not there yet is written, and again."""
    path = tmp_path / "a" / "b" / "x.txt"
    for text in ("one", "two"):
        write_text(path, text)
        assert path.read_text() == text


def test_an_operating_system_error_becomes_one_sentence(tmp_path):
    """It names the file that was wanted, not the temporary one."""
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(StoreError, match=r"Could not write .*taken/x\.nc: .*another place"):
        write_text(tmp_path / "taken" / "x.nc", "")


def test_leftovers_of_killed_writers_are_removed(tmp_path):
    """Files that look alike but are not ours stay, and folders, as a Zarr store is."""
    (tmp_path / "shards").mkdir()
    (tmp_path / ".run.zarr.part").mkdir()
    ours = tmp_path / "shards" / ".k1.nc.12-ab.part"
    others = [tmp_path / "movie.part", tmp_path / ".hidden"]
    for path in (ours, *others):
        path.touch()
    assert remove_leftovers(tmp_path) == (ours,)
    assert not ours.exists()
    assert all(path.exists() for path in (*others, tmp_path / ".run.zarr.part"))
