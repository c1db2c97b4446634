"""`validate` on the command line: the report, the exit code, and the table of verdicts."""

import csv
from pathlib import Path

import pytest
import torch

from lens_pipeline.pipeline.cli import main
from lens_pipeline.pipeline.words.validating import COLUMNS, write_verdicts
from lens_pipeline.validation.checking import validate
from tests import zoo
from tests.pipeline.test_cli import TINY

SMALL = (
    "model.weights=random",
    "model.preprocessing.resize=32",
    "model.preprocessing.crop=32",
    "stimuli=sample",
)

# The branch depends on Python's own state, so that the traced graph is not the model's.
UNSTEADY = """
import torch
from torch import nn

class Unsteady(nn.Module):
    def __init__(self):
        super().__init__()
        self.calls = []

    def forward(self, x):
        self.calls.append(1)
        return torch.sin(x) if len(self.calls) % 2 else torch.cos(x)

def net():
    return Unsteady()
"""


def test_a_right_trace_is_reported_and_exits_with_0(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """CORnet-S: every operation validated; which model, on what; nothing written."""
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "model=cornet_s", *SMALL]) == 0
    out = capsys.readouterr().out
    assert out.startswith("cornet_s with random weights (seed 0), on 2 stimuli of sample\n")
    assert ": ok\n  111 operations run again: 111 validated, 0 failed, 0 exempt\n" in out
    assert "  validated: graph replays from other inputs" in out
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_trace_exits_with_1_and_says_what_is_wrong(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A model that computes something else each time fails, also within a sweep."""
    (study / "tiny_net.py").write_text(UNSTEADY)
    assert main(["validate", *TINY]) == 1
    out = capsys.readouterr().out
    assert "Validation of Unsteady: FAILED" in out
    assert "  FAILED output equals a plain forward pass: output 0: " in out
    assert main(["validate", "-m", *TINY, "model.seed=0,1"]) == 1


def test_every_verdict_is_written_where_a_folder_is_given(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One row per check, operation and parent, under run.folder."""
    assert main(["validate", *TINY, "run.folder=out"]) == 0
    assert f"every verdict: {study / 'out' / 'validation.csv'}" in capsys.readouterr().out
    rows = list(csv.DictReader((study / "out" / "validation.csv").read_text().splitlines()))
    assert {row["verdict"] for row in rows} == {"validated"}
    named = [(row["what"], row["name"], row["parent"]) for row in rows]
    assert ("trace", "labels", "") in named
    assert ("operation", "linear_1_4:3", "") in named
    assert ("parent", "linear_1_4:3", "tanh_1_5:2") in named


def test_a_verdict_has_its_reason_in_the_table(tmp_path: Path) -> None:
    """Exemptions stand in it with why; the header is COLUMNS."""
    write_verdicts(tmp_path / "verdicts.csv", validate(zoo.WhileLoop(), torch.ones(2, 2)))
    header, *rows = csv.reader((tmp_path / "verdicts.csv").read_text().splitlines())
    assert tuple(header) == COLUMNS
    exempt = [row for row in rows if row[3] == "exempt"]
    assert exempt
    assert all(row[4] for row in exempt)


def test_a_model_that_cannot_run_is_refused(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2 and one sentence, as for every other command."""
    (study / "tiny_net.py").write_text(
        "from torch import nn\n\ndef net():\n    return nn.Linear(7, 7)\n"
    )
    assert main(["validate", *TINY]) == 2
    (last,) = capsys.readouterr().err.splitlines()[-1:]
    assert last.startswith("lens-pipeline: net cannot take an input of shape (2, 3, 16, 16): ")
