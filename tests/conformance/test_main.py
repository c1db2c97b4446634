"""The command `python -m tests.conformance`: a table that loses no row."""

from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from tests.conformance import __main__ as command
from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from pathlib import Path


def _fails() -> None:
    raise TypeError("no weights")


@pytest.fixture
def toys(monkeypatch: pytest.MonkeyPatch) -> None:
    """A catalogue of a model that is right, one that is not, one of a library that is absent."""
    found = [
        Entry("toy/right", "good", "torch", lambda: (nn.ReLU(), torch.ones(1))),
        Entry("toy/wrong", "bad", "torch", _fails),
        Entry("toy/absent", "bad", "no_such_library", _fails),
    ]
    monkeypatch.setattr(command, "catalogue", lambda: {entry.name: entry for entry in found})


def _table(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


@pytest.mark.usefixtures("toys")
def test_every_model_has_a_row_and_failures_their_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table has failed and skipped models too; the exit status says that one failed."""
    path = tmp_path / "conformance.csv"
    assert command.main(["--output", str(path)]) == 1
    rows = _table(path)
    assert {name: row["status"] for name, row in rows.items()} == {
        "toy/right": "ok",
        "toy/wrong": "failed",
        "toy/absent": "skipped",
    }
    assert rows["toy/wrong"]["failures"] == "build raised TypeError: no weights"
    assert rows["toy/right"]["ops"] == "3"
    assert rows["toy/wrong"]["ops"] == ""
    said = capsys.readouterr().out
    assert "3 models: 1 ok, 1 failed, 1 skipped" in said
    assert "bad: 0 of 2 ok" in said
    assert "failed toy/wrong: build raised TypeError: no weights" in said


@pytest.mark.usefixtures("toys")
def test_only_runs_what_matches_and_keeps_other_rows(tmp_path: Path) -> None:
    """Patterns are names or families; rows of an earlier run stay."""
    path = tmp_path / "conformance.csv"
    assert command.main(["--only", "bad", "--output", str(path)]) == 1
    assert set(_table(path)) == {"toy/wrong", "toy/absent"}
    assert command.main(["--only", "*/right", "--output", str(path)]) == 0
    assert set(_table(path)) == {"toy/wrong", "toy/absent", "toy/right"}


@pytest.mark.usefixtures("toys")
def test_a_pattern_that_matches_nothing_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is no empty success."""
    assert command.main(["--only", "vgg*", "--output", str(tmp_path / "t.csv")]) == 2
    assert "No model of the catalogue matches vgg*." in capsys.readouterr().out
