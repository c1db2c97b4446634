"""columns.csv: a row for each column of each table."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from lens_pipeline.pipeline.analysis.meanings import MEANINGS, meant, write_meanings
from lens_pipeline.pipeline.config import read_config


def assert_every_column_is_explained(folder: Path, names: Sequence[str]) -> None:
    """The columns of these tables are those of columns.csv, in their order."""
    told = pd.read_csv(folder / "columns.csv")
    for name in names:
        path = folder / name
        table = pd.read_csv(path) if path.suffix == ".csv" else pd.read_parquet(path)
        assert told[told["table"] == name]["column"].tolist() == list(table.columns)


def test_every_column_has_its_words(tmp_path: Path) -> None:
    """Of the tables that are named; without any there is no file."""
    write_meanings(tmp_path, [])
    assert not list(tmp_path.iterdir())
    write_meanings(tmp_path, MEANINGS)
    told = pd.read_csv(tmp_path / "columns.csv")
    assert told["meaning"].str.len().min() > 3
    assert len(told) == sum(map(len, MEANINGS.values()))


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({}, {"scores.csv", "comparisons.csv", "choices.csv", "parts.csv", "layers.csv"}),
        ({"rsa": {"method": "none"}}, set()),
        (
            {"rsa": {"method": "none", "cka": True}, "encoding": {"methods": "ridge"}},
            {"cka.csv", "encoding.csv", "encoding_units.parquet"},
        ),
    ],
)
def test_what_a_config_asks_for_is_explained(asked: dict[str, Any], names: set[str]) -> None:
    """And nothing else."""
    model = {"source": "torchvision", "name": "alexnet"}
    stimuli = {"source": "sample", "name": "sample"}
    assert set(meant(read_config({"model": model, "stimuli": stimuli, **asked}))) == names
