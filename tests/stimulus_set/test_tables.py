"""open_table: rows in their order, cells as text, and every bad row named."""

from __future__ import annotations

import csv

import pandas as pd
import pytest

from lens_pipeline.errors import StimulusError
from lens_pipeline.stimulus_set import open_stimuli
from lens_pipeline.stimulus_set.tables import READERS, read_table
from tests.stimulus_set.makers import write_images

ROWS = {
    "stimulus_id": ["007", "1e3", "b"],
    "filename": ["x/2.png", "x/1.png", "0.png"],
    "animate": ["1", "0", "01"],
    "what it is": ["a, b", "ü", ""],
}


def written(folder, suffix, rows=ROWS):
    path = folder / f"stimuli{suffix}"
    frame = pd.DataFrame(rows)
    if suffix == ".parquet":
        frame.to_parquet(path)
    else:
        frame.to_csv(path, index=False, sep="\t" if suffix == ".tsv" else ",")
    return path


@pytest.fixture
def images(tmp_path):
    return write_images(tmp_path / "images", ["x/1.png", "x/2.png", "0.png"])


@pytest.mark.parametrize("suffix", READERS)
def test_every_kind_of_table_gives_the_same_set(images, suffix):
    """Order, ids with leading zeros and label columns survive in each format."""
    found = open_stimuli("table", table=written(images, suffix)).stimuli
    assert found.ids == ("007", "1e3", "b")
    assert found.files == ("x/2.png", "x/1.png", "0.png")
    assert found.labels == {"animate": ("1", "0", "01"), "what it is": ("a, b", "ü", "")}
    assert found.root == images
    assert (found.account.found, found.account.listed) == (3, 3)


def test_parquet_numbers_become_text(images):
    """Integer ids are written without a decimal point, missing cells as empty text."""
    rows = {"stimulus_id": [7, 8, 9], "filename": ROWS["filename"], "size": [1.5, None, 2.0]}
    found = open_stimuli("table", table=written(images, ".parquet", rows)).stimuli
    assert found.ids == ("7", "8", "9")
    assert found.labels["size"] == ("1.5", "", "2.0")


def test_semicolons_byte_order_mark_and_blank_lines(images):
    """What spreadsheet programs write is read."""
    table = images / "s.csv"
    table.write_text("\ufeffstimulus_id; filename\n\n a ;0.png\n;\n", encoding="utf-8")
    assert open_stimuli("table", table=table).stimuli.ids == ("a",)


def test_root_and_table_in_different_folders(images, tmp_path):
    """File names start from stimuli.root; absolute and backslashed names are understood."""
    rows = {"stimulus_id": ["a", "b"], "filename": [r"x\1.png", str(images / "0.png")]}
    (tmp_path / "elsewhere").mkdir()
    table = written(tmp_path / "elsewhere", ".csv", rows)
    assert open_stimuli("table", table=table, root=images).stimuli.files == ("x/1.png", "0.png")


def test_misspelt_column_gets_the_nearest_name(images):
    """A column called stimulus is offered for stimulus_id."""
    rows = {"stimulus": ["a"], "filename": ["0.png"]}
    with pytest.raises(StimulusError, match=r"no column 'stimulus_id'.*nearest: stimulus"):
        open_stimuli("table", table=written(images, ".csv", rows))


def test_repeated_id_names_both_rows_and_files(images):
    """Ids are unique or an error."""
    rows = {"stimulus_id": ["a", "b", "a"], "filename": ROWS["filename"]}
    with pytest.raises(StimulusError, match=r"'a' stands in two rows.* 1 \(x/2.png\) and 3 \(0"):
        open_stimuli("table", table=written(images, ".csv", rows))


def test_absent_and_foreign_files_stop_or_are_refused(images):
    """A bad row stops the run unless it is to be skipped, and then it is in the account."""
    (images / "note.txt").touch()
    rows = {"stimulus_id": ["a", "b", "c"], "filename": ["0.png", "gone.png", "note.txt"]}
    table = written(images, ".csv", rows)
    with pytest.raises(StimulusError, match=r"Row 2 .*gone\.png.*no such file \(and 1 more row"):
        open_stimuli("table", table=table)
    found = open_stimuli("table", table=table, on_error="skip").stimuli
    assert found.ids == ("a",)
    assert [file for file, _ in found.account.refused] == ["gone.png", "note.txt"]
    assert found.account.found == found.account.listed + len(found.account.refused)


def test_a_table_of_absent_files_alone_is_an_error_even_when_skipping(images):
    """Nothing left is never an empty set."""
    rows = {"stimulus_id": ["a"], "filename": ["gone.png"]}
    with pytest.raises(StimulusError, match=r"set stimuli\.root to the folder"):
        open_stimuli("table", table=written(images, ".csv", rows), on_error="skip")


@pytest.mark.parametrize(
    ("text", "wording"),
    [
        ("", "is empty; it needs the columns"),
        ("stimulus_id,filename\n", "a header and no row"),
        ("stimulus_id,filename\na\n", "Line 2 of .* has 1 cells where the header has 2"),
        ("stimulus_id,filename\na,\n", "Row 1 of .* has no filename"),
        ("stimulus_id,filename,filename\na,b,c\n", "two columns 'filename'"),
    ],
)
def test_damaged_text_tables(tmp_path, text, wording):
    """Each way a text table is damaged has its own sentence."""
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(StimulusError, match=wording):
        open_stimuli("table", table=tmp_path / "s.csv")


def test_unreadable_tables(tmp_path):
    """A missing file, another suffix, other bytes."""
    with pytest.raises(StimulusError, match="There is no table"):
        read_table(tmp_path / "s.csv")
    (tmp_path / "s.xlsx").touch()
    with pytest.raises(StimulusError, match=r"'\.xlsx' and \.csv, \.tsv, \.parquet are allowed"):
        read_table(tmp_path / "s.xlsx")
    (tmp_path / "s.parquet").write_bytes(b"no")
    with pytest.raises(StimulusError, match="cannot be read as parquet"):
        read_table(tmp_path / "s.parquet")
    (tmp_path / "l.csv").write_bytes("stimulus_id,filename\né,é\n".encode("latin-1"))
    with pytest.raises(StimulusError, match="not UTF-8"):
        read_table(tmp_path / "l.csv")


def test_the_92_images(test_data, tmp_path):
    """A table over the 92 grey images keeps the order of the RDMs and its flags."""
    folder = test_data / "kriegeskorte92"
    with (folder / "stimuli.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = tmp_path / "t.tsv"
    lines = [f"{int(r['index']):03d}\t{r['file_grey']}\t{r['face']}" for r in rows]
    table.write_text("\n".join(["stimulus_id\tfilename\tface", *lines]))
    found = open_stimuli("table", table=table, root=folder).stimuli
    assert found.ids == tuple(f"{n:03d}" for n in range(1, 93))
    assert found.files[91] == "images_grey/092.png"
    assert found.labels["face"] == tuple(r["face"] for r in rows)
