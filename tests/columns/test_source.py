"""Where Ops stand in the source, against the source itself."""

from __future__ import annotations

import inspect
from pathlib import Path

import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.columns import table


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(3, 3)

    def forward(self, x):
        x = self.fc(x)
        return self.helped(torch.sin(x) + torch.cos(x))

    def helped(self, x):
        return torch.where(
            x > 0,
            x,
            torch.zeros(3),
        )


def _rows() -> dict[str, dict[str, object]]:
    found = table(trace(Placed(), torch.ones(1, 3)))
    return {
        kind: {name: cells[at] for name, cells in found.items()}
        for at, kind in enumerate(found["type"])
    }


def test_a_call_is_found_by_file_line_and_column() -> None:
    """The text at the column of the line begins with the call."""
    rows = _rows()
    lines = Path(__file__).read_text(encoding="utf-8").splitlines()
    for kind, text in {
        "sin": "torch.sin(x)",
        "cos": "torch.cos(x)",
        "linear": "self.fc(x)",
    }.items():
        row = rows[kind]
        assert row["file"] == __file__
        assert lines[row["line"] - 1][row["column"] - 1 :].startswith(text)


def test_a_call_knows_its_function_and_the_stack_out_to_forward() -> None:
    """The innermost frame comes first, the model's forward last, torch's own between."""
    rows = _rows()
    assert rows["where"]["source_function"] == "Placed.helped"
    assert [text.rpartition(" ")[2] for text in rows["where"]["call_stack"]] == [
        "Placed.helped",
        "Placed.forward",
    ]
    assert [text.rpartition(" ")[2] for text in rows["linear"]["call_stack"]] == [
        "Linear.forward",
        "Placed.forward",
    ]


def test_code_is_the_whole_call_and_its_surroundings() -> None:
    """A call over several lines is given in full, and three lines around it on request."""
    rows = _rows()
    source = inspect.getsource(Placed.helped)
    assert rows["where"]["code"] in source
    assert rows["where"]["code"].startswith("return torch.where(")
    assert rows["where"]["code"].endswith(")")
    assert "def helped(self, x):" in rows["where"]["code_context"]
    assert len(rows["sin"]["code_context"].splitlines()) == 7


def test_inputs_and_outputs_stand_nowhere() -> None:
    """Nothing called them."""
    row = _rows()["input"]
    empty = ("file", "line", "column", "source_function", "code", "code_context")
    assert {row[name] for name in empty} == {None}
    assert row["call_stack"] == []


def test_a_model_of_torchs_modules_alone_is_placed_in_torch() -> None:
    """Where no frame is the user's, the innermost is given."""
    found = table(trace(nn.Sequential(nn.Linear(2, 2)), torch.ones(1, 2)), columns=["file", "code"])
    assert found["file"][1] == inspect.getsourcefile(nn.Linear)
    assert "F.linear(" in found["code"][1]


def test_code_without_a_file_has_a_place_and_no_text() -> None:
    """A forward that was compiled from a string has lines and no code to show."""
    scope = {"nn": nn}
    exec("class Typed(nn.Module):\n    def forward(self, x):\n        return x * 2\n", scope)
    found = table(trace(scope["Typed"](), torch.ones(1)), columns=["file", "line", "code"])
    assert {name: cells[1] for name, cells in found.items()} == {
        "file": "<string>",
        "line": 3,
        "code": None,
    }
