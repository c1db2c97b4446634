"""The table of results that stands in workflows/conformance."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from tests.conformance.__main__ import COLUMNS
from tests.conformance.catalogue import catalogue
from tests.conformance.entries import version

FOLDER = Path(__file__).parents[2] / "workflows" / "conformance"


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with (FOLDER / "conformance.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_every_model_has_its_row(rows: list[dict[str, str]]) -> None:
    """The table is that of the catalogue, and a row that is not ok says why."""
    versions = {row["library"]: row["version"] for row in rows}
    if versions["torchvision"] != version("torchvision"):
        pytest.skip("the catalogue follows the registry of the installed torchvision")
    assert {row["name"] for row in rows} == catalogue().keys()
    assert all(row["failures"] for row in rows if row["status"] != "ok")
    assert tuple(rows[0]) == COLUMNS


def test_readme_counts_what_the_table_has(rows: list[dict[str, str]]) -> None:
    """Every column is explained, and every family stands there with its number of models."""
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(COLUMNS) <= set(re.findall(r"`(\w+)`", text))
    for family in {row["family"] for row in rows}:
        of = [row["status"] for row in rows if row["family"] == family]
        line = rf"^\| {family}( \(.*\))? \| {len(of)} \| {of.count('ok')} \|"
        assert re.search(line, text, re.MULTILINE), family
