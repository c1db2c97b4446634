"""Columns as JSON say what the columns say, and JSON can hold them."""

from __future__ import annotations

import json
import math

import pytest
import torch

from lens_pipeline import trace
from lens_pipeline.columns import Overview, table
from lens_pipeline.drawing.page.tables import json_value, tables
from tests.drawing.page_models import Deep, Nasty


def cell(column, row):
    """The cell of a row, as the page reads it."""
    value = column["values"][column["at"][row] if "at" in column else row]
    return [column["items"][item] for item in value] if "items" in column else value


@pytest.mark.parametrize(("model", "shape"), [(Deep(), (2, 3, 4, 4)), (Nasty(), (2, 3))])
@pytest.mark.parametrize("what", ["ops", "modules"])
def test_every_cell_is_there(model, shape, what: str) -> None:
    """Each column, by name and unit, with each cell that the table has."""
    traced = trace(model.eval(), torch.ones(shape))
    found = json.loads(json.dumps(tables(Overview(traced)), allow_nan=False))
    expected = table(traced, what)
    assert [column["name"] for column in found[what]] == list(expected)
    for column in found[what]:
        cells = expected[column["name"]]
        shown = [cell(column, row) for row in range(len(cells))]
        assert shown == [[] if one is None and "items" in column else one for one in cells]
        assert [type(one) for one in shown if one is not None] == [
            type(one) for one in cells if one is not None
        ]


def test_repeated_cells_are_written_once() -> None:
    """A column of one file has one cell."""
    traced = trace(Deep().eval(), torch.ones(2, 3, 4, 4))
    columns = {column["name"]: column for column in tables(Overview(traced))["ops"]}
    assert len(columns["kind"]["values"]) == 3
    assert len(columns["kind"]["at"]) == len(traced.ops)


def test_what_json_lacks_has_a_name() -> None:
    """NaN and the infinities are texts, at any depth; everything else stays."""
    value = {"a": [math.nan, (math.inf, -math.inf)], 1: None, "b": True, "c": 0.5}
    assert json_value(value) == {"a": ["nan", ["inf", "-inf"]], "1": None, "b": True, "c": 0.5}
