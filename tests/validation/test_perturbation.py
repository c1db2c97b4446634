"""Exempt edges: few, and each with its reason."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.validation.checking import validate
from lens_pipeline.validation.perturbation import perturbed

X = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))


def shape_only(x):
    return x + torch.zeros_like(x)


def overwritten(x):
    return torch.zeros(4, 4).copy_(x)


def discrete(x):
    return x + x.isnan()


def index(x):
    return x[:1][torch.zeros(2).long()]


def masked(x):
    return torch.where(x > -1e9, x, x.sin())


def saturated(x):
    return x + x[:, :1].softmax(1)


def not_a_number(x):
    return x + (x * float("nan")).nan_to_num(1.0)


def factor_of_zero(x):
    return torch.baddbmm(torch.rand(1, 4, 4), x[None], x[None], beta=0)


def empty(x):
    return torch.cat([x, x[:0]])


def one_key(x):
    query, key = x[None, None], x.sin()[None, None, :1]
    return nn.functional.scaled_dot_product_attention(query, key, x.cos()[None, None, :1])


def one_of_several_outputs(x):
    rows, columns = torch.meshgrid(x[0], x[1], indexing="ij")
    return rows + columns


def filled_by_keyword(x):
    return x + nn.init.constant_(tensor=x * 2, val=1.0)


REASONS = {
    one_key: "attention over one key, or over equal values, weighs them all alike",
    one_of_several_outputs: "another output of this call depends on it",
    filled_by_keyword: "a destination that is overwritten in full",
    shape_only: "read for its shape and type alone",
    overwritten: "a destination that is overwritten in full",
    discrete: "the result is discrete and stayed the same",
    index: "an index argument of which no other value made a difference",
    masked: "not selected by the mask or index",
    saturated: "saturated: the output is one value throughout",
    not_a_number: "saturated: the output is one value throughout",
    factor_of_zero: "multiplied by a factor of zero",
    empty: "one of the two is empty",
}


class Calls(nn.Module):
    def __init__(self, function) -> None:
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


@pytest.mark.parametrize("function", REASONS, ids=lambda one: one.__name__)
def test_exempt_edges_have_their_reason(function) -> None:
    """An edge that may leave its child as it was is exempt, for the right reason."""
    report = validate(Calls(function), X)
    assert report.ok, str(report)
    reasons = {edge.reason for op in report.ops for edge in op.edges if edge.outcome == "exempt"}
    assert REASONS[function] in reasons, str(report)


@pytest.mark.parametrize(
    "tensor",
    [
        torch.zeros(3),
        torch.tensor(2.0),
        torch.ones(2, 3, dtype=torch.float16),
        torch.ones(3, dtype=torch.complex64),
        torch.tensor([True, False]),
        torch.tensor([0, 5, 2]),
        torch.eye(2).to_sparse(),
    ],
    ids=str,
)
def test_perturbed_values_differ(tensor: torch.Tensor) -> None:
    """Perturbed contents keep dtype and shape and are not what was there."""
    others = list(perturbed(tensor))
    assert others
    assert all((other.dtype, other.shape) == (tensor.dtype, tensor.shape) for other in others)
    assert any(not torch.equal(other.to_dense(), tensor.to_dense()) for other in others)


def test_perturbed_integers_stay_in_range() -> None:
    """All but the last try for an integer are values that an index could have had."""
    tensor = torch.tensor([1, 4, 4])
    *inside, _ = perturbed(tensor)
    assert all(1 <= other.min() <= other.max() <= 4 for other in inside)
