"""The table of modules: what it says agrees with the model, and it fits."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from lens_pipeline import summary, trace
from lens_pipeline.drawing.summary import MOST_ROWS
from lens_pipeline.errors import TraceError

X = torch.ones(2, 5)


class Twice(nn.Module):
    """A module of modules called twice, one that is never called."""

    def __init__(self) -> None:
        super().__init__()
        self.idle = nn.Linear(3, 3)
        self.body = nn.Sequential(nn.Linear(5, 5, bias=False), nn.ReLU())
        self.head = nn.Linear(5, 2)

    def forward(self, x):
        return self.head(self.body(self.body(x)))


def cells(text: str) -> dict[str, list[str]]:
    """The rows of a wide summary by name, split at runs of two blanks."""
    rows = text.partition("\n\n")[0].splitlines()
    return {row.split()[0]: row.split() for row in rows[2:]}


def test_rows_say_what_the_model_is() -> None:
    """Parameters, FLOPs and shapes are those that torch itself gives."""
    model = Twice()
    with FlopCounterMode(display=False) as counter:
        model(X)
    rows = cells(summary(trace(model, X), width=200))
    assert list(rows) == ["Twice", "body", "0", "1", "head", "idle"]
    numbers = sum(one.numel() for one in model.parameters())
    assert rows["Twice"][1:5] == ["5", "2x2", str(numbers), str(counter.get_total_flops())]
    assert rows["body"][1:6] == ["Sequential", "x2", "4", "2x5", "25"]
    assert rows["idle"][1:6] == ["Linear", "0", "not", "called", "12"]


def test_totals_stand_below() -> None:
    """Operations, layers, parameters and FLOPs of the whole, and frozen ones apart."""
    model = Twice()
    model.head.requires_grad_(False)
    lines = summary(trace(model, X), width=100).splitlines()[-3:]
    assert lines[0].startswith("7 operations in 5 layers; ")
    assert lines[1] == "49 parameters (196 B, 37 trainable)"
    assert lines[2].startswith("240 FLOP; ")
    assert lines[2].endswith(" in all")


def test_other_shapes_are_counted() -> None:
    """A module whose calls differ in shape shows the first and how many others there are."""

    class Grows(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, x):
            return self.act(torch.cat([self.act(x), x]))

    assert "2x5 +1" in summary(trace(Grows(), X), width=100)


def test_unknown_flops_are_a_lower_bound() -> None:
    """Where the FLOPs of an operation are unknown the sum of the others stands after `>`."""

    class Unknown(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(5, 5)

        def forward(self, x):
            return torch.vmap(lambda row: row * 2)(self.fc(x))

    rows = cells(summary(trace(Unknown(), X), width=100))
    assert rows["Unknown"][4] == ">100"
    assert rows["fc"][5] == "100"


@pytest.mark.parametrize("width", [12, 24, 40, 60, 80, 120])
def test_fits_the_width(width: int) -> None:
    """No row of the table is wider than asked, as far as name and parameters fit."""
    model = nn.Sequential()
    model.add_module("a_very_long_name_of_a_module_that_does_not_end", Twice())
    rows = summary(trace(model, X), width=width).partition("\n\n")[0].splitlines()
    assert max(map(len, rows)) <= width
    assert {"…" in row for row in rows[3:4]} == {width < 100}
    assert "time" in rows[0] or width < 80


def test_the_terminal_gives_the_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a width the table fits the terminal."""
    traced = trace(Twice(), X)
    monkeypatch.setenv("COLUMNS", "34")
    assert summary(traced) == summary(traced, width=34)


def test_depth() -> None:
    """A depth cuts the table and says what is below; 0 is all; by itself it stays short."""
    traced = trace(nn.Sequential(*(nn.Sequential(nn.ReLU()) for _ in range(MOST_ROWS // 2))), X)
    shallow, whole = summary(traced), summary(traced, depth=0)
    assert f"{MOST_ROWS // 2} modules deeper than 1 left out; depth=0 shows all" in shallow
    assert len(whole.partition("\n\n")[0].splitlines()) == 2 + 1 + MOST_ROWS
    assert summary(traced, depth=2) == whole
    assert "left out" not in whole


@pytest.mark.parametrize("name", ["depth", "width"])
def test_refuses_negative_numbers(name: str) -> None:
    """A depth or width below 0 is refused."""
    with pytest.raises(TraceError, match=rf"summary's {name} cannot be -1; give a number from 0"):
        summary(trace(nn.ReLU(), X), **{name: -1})


def test_the_word() -> None:
    """`summary` on the command line prints the table of the config's model."""
    words = [sys.executable, "-m", "lens_pipeline", "summary", "model=cornet_z", "stimuli=sample"]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("module ")
    assert "\ncornet_z " in found.stdout
    assert "\nV1 " in found.stdout
    assert "parameters (" in found.stdout
