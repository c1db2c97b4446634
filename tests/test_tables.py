"""Tables of a Trace as data frames and files."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.columns import TABLES, table
from lens_pipeline.errors import SelectorError, StoreError
from lens_pipeline.tables import WRITERS, to_pandas, write_table
from tests import zoo


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    return trace(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)), torch.randn(2, 3, 5, 5))


@pytest.mark.parametrize("what", TABLES)
def test_a_data_frame_has_the_rows_and_cells_of_the_table(traced, what: str) -> None:
    """Every cell of every table is the same in the data frame; what is empty is missing."""
    frame, plain = to_pandas(traced, what), table(traced, what)
    assert list(frame.columns) == list(plain)
    for name, cells in plain.items():
        assert [None if cell is pd.NA else cell for cell in frame[name]] == cells


def test_numbers_stay_numbers_also_where_cells_are_empty(traced) -> None:
    """A column of integers with empty cells is not turned into floating point numbers."""
    frame = to_pandas(traced, columns=["label", "line", "seconds", "in_place"])
    assert [str(kind) for kind in frame.dtypes] == ["string", "Int64", "float64", "boolean"]
    assert frame["line"].isna().tolist() == [op.kind != "call" for op in traced.ops]


def test_parquet_comes_back_with_lists_types_and_units(traced, tmp_path) -> None:
    """What pyarrow reads is the table, and each field tells its unit."""
    path = write_table(traced, tmp_path / "ops.parquet")
    read = pq.read_table(path)
    assert read.to_pydict() == table(traced)
    assert read.schema.field("bytes").metadata[b"unit"] == b"bytes"
    assert str(read.schema.field("parameter_shapes").type) == (
        "list<element: list<element: int64>>"
    )


def test_json_is_one_object_per_row(traced, tmp_path) -> None:
    """What the standard library reads is the table, row by row."""
    path = write_table(traced, tmp_path / "layers.JSON", what="layers")
    rows = json.loads(path.read_text(encoding="utf-8"))
    expected = table(traced, "layers")
    assert {name: [row[name] for row in rows] for name in expected} == expected


def test_csv_holds_lists_as_json(traced, tmp_path) -> None:
    """pandas reads the scalars; json reads the lists; an empty cell is empty."""
    path = write_table(traced, tmp_path / "ops.csv", columns=["label", "shape", "output_index"])
    read = pd.read_csv(path)
    assert read["label"].tolist() == [op.label for op in traced.ops]
    assert [tuple(json.loads(text)) for text in read["shape"]] == [op.shape for op in traced.ops]
    assert read["output_index"].isna().all()


@pytest.mark.parametrize("suffix", WRITERS)
def test_a_table_without_rows_is_written(suffix: str, tmp_path) -> None:
    """A model without buffers has an empty table of them, with its columns where there are any."""
    traced = trace(zoo.ThreeSines(), torch.zeros(2))
    path = write_table(traced, tmp_path / f"buffers{suffix}", what="buffers")
    read = {".csv": pd.read_csv, ".json": pd.read_json, ".parquet": pd.read_parquet}[suffix](path)
    assert len(read) == 0
    assert len(to_pandas(traced, "buffers")) == 0


def test_a_failed_write_leaves_the_old_file(traced, tmp_path, monkeypatch) -> None:
    """The name that readers look for never holds half a table."""
    path = write_table(traced, tmp_path / "ops.csv", columns=["label"])
    before = path.read_bytes()

    def fail(target, *_) -> None:
        target.write_text("half")
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(WRITERS, ".csv", fail)
    with pytest.raises(StoreError, match="No space left on device"):
        write_table(traced, path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["ops.csv"]


def test_unknown_names_are_refused_with_the_nearest(traced, tmp_path) -> None:
    """A table, a column or a suffix that does not exist is answered with what does."""
    with pytest.raises(SelectorError, match="no table 'op' of a trace; nearest: ops"):
        to_pandas(traced, "op")
    with pytest.raises(SelectorError, match=r"table of ops has no column 'flop'.*nearest: flops"):
        to_pandas(traced, columns=["label", "flop"])
    with pytest.raises(StoreError, match=r"suffix '\.parq' is none of .*nearest: \.parquet"):
        write_table(traced, tmp_path / "ops.parq")
    assert not list(tmp_path.iterdir())
