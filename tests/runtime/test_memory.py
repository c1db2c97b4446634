"""Out of memory is told from other errors."""

from __future__ import annotations

import pytest
import torch

from lens_pipeline.runtime.memory import free_memory, is_out_of_memory


def test_torch_out_of_memory_is_recognised() -> None:
    """The allocator's own error: no machine has this much."""
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory.")])
def test_other_kinds_and_causes_are_recognised(error: Exception) -> None:
    """Also as the cause of an error that says more."""
    outer = ValueError("the forward pass failed")
    outer.__cause__ = error
    assert is_out_of_memory(error)
    assert is_out_of_memory(outer)


def test_other_errors_are_not() -> None:
    """A shape that does not fit is not a want of memory."""
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))
    assert not is_out_of_memory(ValueError("out of memory, he said"))
    free_memory()
