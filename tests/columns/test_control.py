"""What the tables and the reports say of branches that the contents of tensors decided."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from lens_pipeline import trace
from lens_pipeline.columns import table
from lens_pipeline.columns.overview import Overview
from lens_pipeline.conditionals.branching import arm_of, conditionals
from tests import zoo

FILE = "test_control.py"


class Branches(nn.Module):
    """An if with an elif in a loop, a ternary inside one of its arms, an assert."""

    def forward(self, x):
        for _ in range(2):
            if x.sum() > 5:
                x = x.sin()
            elif x.sum() > 0:
                x = x * 4
                x = x.cos() if x.max() > 100 else x.exp()
            else:
                x = x.tanh()
        assert x.max() > -1
        return x


LINES = {
    text.strip(): number
    for number, text in enumerate(Path(__file__).read_text(encoding="utf-8").splitlines(), start=1)
}
IF = f"{FILE}:{LINES['if x.sum() > 5:']}"
TERNARY = f"{FILE}:{LINES['x = x.cos() if x.max() > 100 else x.exp()']}"


@pytest.fixture(scope="module")
def traced():
    return trace(Branches(), torch.ones(2))


@pytest.fixture(scope="module")
def rows(traced):
    found = table(traced)
    return {op.label: {name: cells[op.index] for name, cells in found.items()} for op in traced.ops}


def test_ops_know_their_arms(rows) -> None:
    """Each op in an arm has it and its place; the outer arms stand before."""
    assert rows["mul_1_5"]["branch_arm"] == "elif 1"
    assert rows["mul_1_5"]["branch_place"] == IF
    assert rows["exp_1_8"]["branch_arm"] == "else"
    assert rows["exp_1_8"]["branch_arms"] == [f"{IF} elif 1", f"{TERNARY} else"]
    assert rows["sin_1_9"]["branch_arms"] == [f"{IF} then"]
    assert rows["input_1_0"]["branch_arm"] is None


def test_ops_know_what_they_decide(rows) -> None:
    """The ops that a test read, and those behind them that feed nothing else, decide it."""
    assert {label for label, row in rows.items() if row["decides"] == [TERNARY]} == {
        *("max_1_6", "gt_3_7")
    }
    for label, row in rows.items():
        assert row["is_deciding"] == bool(row["decides"]), label
    assert rows["gt_1_2:1"]["decides"] == [IF]
    assert rows["gt_1_2:1"]["read_for"] == ["if"]
    assert [row["read_for"] for row in rows.values() if row["read_for"]][-1] == ["assert"]


def test_table_of_conditionals(traced) -> None:
    """One row per evaluation, in order, with its tests, what was taken and what is around it."""
    found = table(traced, "conditionals")
    assert found["place"] == [IF, TERNARY, IF]
    assert found["taken"] == ["elif 1", "else", "then"]
    assert found["tests"] == [["x.sum() > 5", "x.sum() > 0"], ["x.max() > 100"], ["x.sum() > 5"]]
    assert found["test_arms"][0] == ["then", "elif 1"]
    assert found["enclosing"] == [None, 0, None]
    assert found["ops"][1] == ["exp_1_8"]
    model = table(traced, "model", columns=["n_conditionals", "branches"])
    assert model["n_conditionals"] == [3]
    assert model["branches"][0][0] == f"{IF} if x.sum() > 5 / x.sum() > 0: elif 1, then"


def test_reports_name_branches(traced) -> None:
    """The report of the trace counts them; that of an op says what it decides and where it ran."""
    text = str(traced)
    assert "Branches decided by tensors: 3" in text
    assert f"{TERNARY} ternary x.max() > 100: else" in text
    assert f"Decides the branch at: {TERNARY}" in str(traced["gt_3"])
    assert f"Ran in the arm: elif 1 of {IF}, else of {TERNARY}" in str(traced["exp_1"])
    assert "Branches" not in str(trace(zoo.ThreeSines(), torch.ones(2)))


def test_columns_and_functions_agree(traced) -> None:
    """The columns are those of `conditionals` and `arm_of`."""
    o = Overview(traced)
    assert o.control.conditionals == conditionals(traced)
    deciding = {op for one in conditionals(traced) for op in one.deciding}
    said = table(traced, columns=["is_deciding"])["is_deciding"]
    assert said == [op.index in deciding for op in traced.ops]
    assert [bool(stack) for stack in arm_of(traced, conditionals(traced))] == [
        op.index in o.control.arms for op in traced.ops
    ]


def test_nothing_is_looked_for_without_host_reads(monkeypatch) -> None:
    """A model that Python read nothing of costs no look at its source."""
    monkeypatch.setattr("lens_pipeline.columns.control.conditionals", None)
    monkeypatch.setattr("lens_pipeline.tracer.report.conditionals", None)
    plain = trace(zoo.ThreeSines(), torch.ones(2))
    assert set(table(plain)["branch_arm"]) == {None}
    assert "Complete: yes" in str(plain)
