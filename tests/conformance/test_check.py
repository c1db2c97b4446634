"""A Row says what is wrong: each of its verdicts can fail."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from tests.conformance import check as checking
from tests.conformance.check import Row, check
from tests.conformance.entries import Entry

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def _row(build: Callable[[], tuple[nn.Module, Any]]) -> Row:
    return check(Entry("toy/model", "toy", "torch", build))


class _Raises(nn.Module):
    def forward(self, x):
        raise ValueError("no such luck")


class _Counts(nn.Module):
    """Another graph at each call; the count stands where validation does not put it back."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = [0]

    def forward(self, x):
        self.calls[0] += 1
        for _ in range(self.calls[0]):
            x = x + 1
        return x


class _Scripted(nn.Module):
    """Runs a part outside Python, which function modes do not see."""

    def __init__(self) -> None:
        super().__init__()
        self.inside = torch.jit.trace(nn.Sequential(nn.Linear(2, 2), nn.Tanh()), torch.ones(1, 2))

    def forward(self, x):
        return self.inside(x) + 1


def test_a_right_model_is_ok_with_all_its_numbers() -> None:
    """Counts are those of the model; nothing is left unknown."""
    row = _row(lambda: (nn.Sequential(nn.Linear(2, 3), nn.ReLU()).eval(), torch.ones(1, 2)))
    assert (row.status, row.failures) == ("ok", "")
    assert (row.ops, row.layers, row.module_calls, row.hook_tensors) == (4, 4, 3, 3)
    assert (row.exempt_ops, row.edges, row.exempt_edges) == (0, 3, 0)
    assert None not in dataclasses.astuple(row)


def test_a_model_that_cannot_be_built_has_a_row() -> None:
    """The builder's error is the reason."""

    def build() -> tuple[nn.Module, Any]:
        raise TypeError("unexpected keyword")

    row = _row(build)
    assert (row.status, row.failures) == ("failed", "build raised TypeError: unexpected keyword")


def test_a_forward_that_raises_has_a_row() -> None:
    """The forward's error is the reason of every question."""
    row = _row(lambda: (_Raises(), torch.ones(1)))
    assert row.status == "failed"
    assert "raised ValueError: no such luck" in row.failures
    assert row.complete is None


def test_what_the_trace_lacks_is_a_failure() -> None:
    """A part outside Python leaves the row incomplete, with the trace's own words."""
    row = _row(lambda: (_Scripted().eval(), torch.ones(1, 2)))
    assert (row.status, row.complete) == ("failed", False)
    assert "incomplete: " in row.failures


def test_a_model_that_never_repeats_is_not_validated() -> None:
    """Validation's failure is the row's, and the hooks of another pass differ."""
    row = _row(lambda: (_Counts(), torch.ones(1)))
    assert (row.status, row.validated, row.hooks_equal) == ("failed", False, False)
    assert "validation: FAILED" in row.failures
    assert "hooks: the model:1 (_Counts) has another value" in row.failures


def test_a_hook_that_saw_more_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tensors and calls that the trace lacks are counted."""
    real = checking.hooked

    def more(model: nn.Module, inputs: Any, *, seed: int) -> dict[str, list[list[torch.Tensor]]]:
        seen = real(model, inputs, seed=seed)
        seen["0"] = [[*seen["0"][0], torch.ones(1)]]
        seen["1"] = seen["1"] * 2
        return seen

    monkeypatch.setattr(checking, "hooked", more)
    row = _row(lambda: (nn.Sequential(nn.Linear(2, 3), nn.ReLU()), torch.ones(1, 2)))
    assert (
        row.failures
        == "hooks: 1 was called 2 times, traced 1 | hooks: 0:1 returned 2 tensors, traced 1"
    )
