"""Values are shared until they are overwritten; what is kept and how can be said."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline import keep_selected, trace
from lens_pipeline.errors import PostfunctionError
from lens_pipeline.tracer.keeping import Keep, KeptValues
from tests import zoo


def test_value_is_shared_until_it_is_overwritten() -> None:
    """Keeping costs no copy unless a write comes, and then the value stays what it was."""
    kept = KeptValues(Keep({0, 1}))
    tensor = torch.ones(3)
    other = torch.ones(3)
    kept.keep(0, tensor, name="a")
    kept.keep(1, other, name="b")
    kept.keep(2, other, name="c")
    assert kept.values[0].data_ptr() == tensor.data_ptr()
    kept.save_before_write([tensor])
    tensor.zero_()
    assert kept.values[0].tolist() == [1, 1, 1]
    assert kept.values[1].data_ptr() == other.data_ptr()
    assert set(kept.values) == {0, 1}


def test_postfunction_with_and_without_the_raw_value() -> None:
    """The transformed value stands beside the raw one, or alone."""
    model, x = zoo.HandUnrolled(), torch.ones(2, 5)
    both = trace(model, x, keep=Keep(postfunction=lambda value: value.mean(1)))
    alone = trace(model, x, keep=Keep(postfunction=lambda value: value.mean(1), raw=False))
    for op, other in zip(both.ops, alone.ops, strict=True):
        assert torch.equal(op.transformed, op.value.mean(1))
        assert torch.equal(op.transformed, other.transformed)
        assert other.value is None
    assert [op.shape for op in alone.ops] == [op.shape for op in both.ops]


def test_result_of_a_postfunction_outlives_an_in_place_call() -> None:
    """A postfunction that returns a view does not change when the memory does."""
    traced = trace(
        zoo.InPlace(), torch.tensor([[-1.0, 2.0]]), keep=Keep(postfunction=lambda value: value[0])
    )
    assert traced["mul_1_1"].transformed.tolist() == [-1.0, 2.0]


def test_failing_postfunction_names_the_operation() -> None:
    """An error in the user's function says on what it ran."""
    with pytest.raises(PostfunctionError, match=r"on the output of linear \(shape \(2, 5\)\)"):
        trace(
            zoo.HandUnrolled(),
            torch.ones(2, 5),
            keep=Keep(which=[1], postfunction=lambda value: value.view(3)),
        )


def test_connected_values_carry_gradients() -> None:
    """A loss on a kept value reaches the parameters; a detached value does not."""
    model, x = zoo.HandUnrolled(), torch.ones(2, 5)
    traced = trace(model, x, keep=keep_selected("relu_1:1", connected=True))
    traced["relu_1:1"].value.sum().backward()
    assert model.fc.weight.grad is not None
    assert not trace(model, x)["relu_1:1"].value.requires_grad


def test_kept_values_go_where_they_are_asked_to() -> None:
    """Raw and transformed; the pass itself stays where it was."""
    how = Keep(postfunction=torch.sum, device="meta")
    traced = trace(zoo.HandUnrolled(), torch.ones(2, 5), keep=how)
    assert {op.value.device.type for op in traced.ops} == {"meta"}
    assert {op.transformed.device.type for op in traced.ops} == {"meta"}
    assert {op.device.type for op in traced.ops} == {"cpu"}
