"""What a model consists of, each thing once, also what the forward pass does not use."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lens_pipeline import trace


class Odd(nn.Module):
    """One weight at two addresses, a buffer of each kind, and modules that are never called."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.again = self.first
        self.unused = nn.BatchNorm1d(2)
        self.lazy = nn.LazyLinear(4)
        self.register_buffer("saved", torch.zeros(2, 5))
        self.register_buffer("scratch", torch.zeros(7, dtype=torch.int16), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x)


def test_parameters_are_listed_once_with_all_addresses() -> None:
    """A shared parameter is one; a lazy one that never got a shape is none."""
    traced = trace(Odd(), torch.ones(1, 3))
    assert {one.addresses: one.shape for one in traced.parameters} == {
        ("first.weight", "again.weight"): (3, 3),
        ("first.bias", "again.bias"): (3,),
        ("unused.weight",): (2,),
        ("unused.bias",): (2,),
    }


def test_a_lazy_parameter_that_is_used_has_its_shape() -> None:
    """Parameters are listed as they are once forward has given them a shape."""
    traced = trace(nn.Sequential(nn.LazyLinear(4)), torch.ones(1, 3))
    assert [one.shape for one in traced.parameters] == [(4, 3), (4,)]


def test_buffers() -> None:
    """Each has its shape, its bytes, and whether the state_dict has it."""
    model = Odd()
    found = {one.addresses[0]: one for one in trace(model, torch.ones(1, 3)).buffers}
    assert (found["saved"].shape, found["saved"].nbytes) == ((2, 5), 40)
    assert (found["scratch"].dtype, found["scratch"].nbytes) == (torch.int16, 14)
    saved = {name for name, one in found.items() if one.persistent}
    assert saved == {name for name, _ in model.named_buffers()} & set(model.state_dict())
    assert "scratch" not in saved


def test_modules_stand_beside_their_states() -> None:
    """Both list every module once, in one order; hooks of tracing do not count, lazy ones do."""
    model = Odd()
    model.unused.eval()
    model.first.register_forward_pre_hook(lambda *_: None)
    traced = trace(model, torch.ones(1, 3))
    assert [address for address, _ in traced.modules] == [
        one.addresses[0] for one in traced.module_states
    ]
    states = {one.addresses[0]: one for one in traced.module_states}
    assert states["first"].addresses == ("first", "again")
    assert [name for name, one in states.items() if one.n_hooks] == ["first", "lazy"]
    assert [name for name, one in states.items() if not one.training] == ["unused"]
    assert states["unused"].qualified_class == "torch.nn.modules.batchnorm.BatchNorm1d"
