"""The registries of columns, and the tables made of them."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
import torch
from torch import nn

import lens_pipeline.columns
from lens_pipeline import trace
from lens_pipeline.columns import TABLES, choose, columns_markdown, table
from lens_pipeline.errors import SelectorError
from tests import zoo

_PYTHON = {"int": int, "float": float, "bool": bool, "str": str}
_EVERY = [(what, name) for what, columns in TABLES.items() for name in columns]


class Varied(nn.Module):
    """A shared layer in a loop, a buffer that is written, a branch, an output that is unused."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.norm = nn.BatchNorm1d(4)
        self.register_buffer("steps", torch.zeros(1))

    def forward(self, x, *, scale):
        for _ in range(2):
            x = torch.relu(self.fc(x))
        self.steps.add_(1)
        low, _ = x.max(dim=1)
        if low.sum() > -1:
            x = self.norm(x)[:, 1:3] * scale
        return {"x": x, "steps": x + self.steps}


@pytest.fixture(scope="module")
def traced():
    torch.manual_seed(0)
    return trace(Varied(), {"x": torch.randn(3, 4), "scale": torch.tensor(2.0)})


def test_columns_md_is_what_the_registry_says() -> None:
    """The documented table of every column is made from the registry and kept up to date."""
    kept = Path(lens_pipeline.columns.__path__[0], "COLUMNS.md").read_text(encoding="utf-8")
    assert kept == columns_markdown()


@pytest.mark.parametrize(("what", "name"), _EVERY)
def test_a_column_is_described(what: str, name: str) -> None:
    """Each has a sentence, a known type, and a unit if it counts bytes, seconds or operations."""
    column = TABLES[what][name]
    assert column.name == name
    assert re.fullmatch(r"[a-z_]+", name)
    assert column.text[0].isupper() or column.text[0] == "`"
    assert column.text.endswith(".")
    assert "|" not in column.text
    assert column.type.removeprefix("list[").rstrip("]").removeprefix("list[") in _PYTHON
    for word, unit in {"bytes": "bytes", "seconds": "s", "flops": "FLOP", "macs": "MAC"}.items():
        if word in name.split("_"):
            assert column.unit == unit


@pytest.mark.parametrize(("what", "name"), _EVERY)
def test_a_cell_is_of_the_columns_type_or_empty(traced, what: str, name: str) -> None:
    """What the registry says of types holds for every cell, and every cell can be written."""
    cells = table(traced, what, columns=[name])[name]
    assert cells
    for cell in cells:
        assert cell is None or _is(cell, TABLES[what][name].type)
        json.dumps(cell)


def _is(cell: object, kind: str) -> bool:
    if kind.startswith("list["):
        return isinstance(cell, list) and all(_is(item, kind[5:-1]) for item in cell)
    return type(cell) is _PYTHON[kind]


def test_a_table_has_the_columns_asked_for_in_their_order(traced) -> None:
    """Columns are chosen by name; what takes seconds comes only by name."""
    assert list(table(traced, columns=["shape", "label"])) == ["shape", "label"]
    everything = {column.name for column in choose("ops")}
    assert set(TABLES["ops"]) - everything == {"autograd_bytes"}
    assert table(traced, columns=[]) == {}


def test_unknown_names_are_refused_with_the_nearest(traced) -> None:
    """A table or a column that does not exist is answered with what does."""
    with pytest.raises(SelectorError, match=r"no table 'layer' of a trace; nearest: layers"):
        table(traced, "layer")
    with pytest.raises(SelectorError, match=r"of layers has no column 'shapes' .*nearest: shape"):
        table(traced, "layers", columns=["shapes"])


@pytest.mark.parametrize("what", TABLES)
def test_an_identity_without_anything_has_tables_too(what: str) -> None:
    """A model of no parameters, no buffers and one op breaks no column."""
    found = table(trace(nn.Identity(), torch.zeros(0)), what)
    assert list(found) == [column.name for column in choose(what)]


def test_a_failed_module_call_does_not_break_the_tables() -> None:
    """A module that raised and was caught has a row without outputs."""
    found = table(trace(zoo.CatchesInside(), torch.zeros(1, 5)), "module_calls")
    assert dict(zip(found["call"], found["outputs"], strict=True))["bad:1"] == []


class Hub(nn.Module):
    """One op that thousands read, and one that reads thousands."""

    def forward(self, x):
        return torch.stack([x * 2 for _ in range(1500)]).sum(0)


def test_a_wide_graph_takes_no_square_of_its_width() -> None:
    """Siblings are listed up to a bound, so a table is made in about linear time."""
    traced = trace(Hub(), torch.zeros(2), keep=None)
    start = time.process_time()
    found = table(traced)
    assert time.process_time() - start < 5
    assert len(found["siblings"][1]) == 100
    assert found["n_descendants"][0] == len(traced.ops) - 1
