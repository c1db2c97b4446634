"""Lists of stimulus ids: columns of tables, lines of text, paths of images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lens_pipeline.errors import ComparisonError
from lens_pipeline.rsa.references.id_lists import read_ids

if TYPE_CHECKING:
    from pathlib import Path


def test_a_column_of_images_gives_their_stems(tmp_path: Path) -> None:
    """As a folder of images names its stimuli."""
    (tmp_path / "s.csv").write_text("index,file\n1,grey/002.png\n2,grey/001.png\n")
    assert read_ids(tmp_path / "s.csv", "file") == ("002", "001")
    assert read_ids(tmp_path / "s.csv", "index") == ("1", "2")


def test_tabs_and_plain_lines(tmp_path: Path) -> None:
    """A name with a dot is no path of an image unless all of them are."""
    (tmp_path / "s.tsv").write_text("id\tx\na.b\t1\nc\t2\n")
    assert read_ids(tmp_path / "s.tsv", "id") == ("a.b", "c")
    (tmp_path / "s.txt").write_text("one\n\ntwo.png\n")
    assert read_ids(tmp_path / "s.txt", None) == ("one", "two.png")


def test_what_is_not_there_is_named(tmp_path: Path) -> None:
    """The nearest column; the missing file."""
    (tmp_path / "s.csv").write_text("index,file_grey\n1,001.png\n")
    with pytest.raises(ComparisonError, match=r"no column 'file' \(brain\.ids\); nearest: file_"):
        read_ids(tmp_path / "s.csv", "file")
    with pytest.raises(ComparisonError, match=r"cannot be read: No such file"):
        read_ids(tmp_path / "none.csv", "file")
