"""Arguments that are refused, and those that ask for what happens anyway."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lens_pipeline.compat import torchlens as tl
from lens_pipeline.compat.left_out import FIXED_ARGUMENTS, check_fixed
from lens_pipeline.errors import TraceError


@pytest.mark.parametrize("name", FIXED_ARGUMENTS)
def test_other_values_are_refused(name: str) -> None:
    """One sentence names the argument, its value, and what to do."""
    with pytest.raises(TraceError, match=rf"^f cannot take {name}='other': .+\.$") as error:
        check_fixed({name: "other"}, function="f", known=())
    assert FIXED_ARGUMENTS[name].instead in str(error.value)


@pytest.mark.parametrize("name", FIXED_ARGUMENTS)
def test_values_that_change_nothing_are_accepted(name: str) -> None:
    """An argument may ask for what happens anyway."""
    for value in FIXED_ARGUMENTS[name].accepted:
        tl.log_forward_pass(nn.ReLU(), torch.ones(1), **{name: value})


def test_truth_and_one_differ() -> None:
    """A value that merely equals an accepted one is not that one."""
    with pytest.raises(TraceError, match="save_gradients=0"):
        check_fixed({"save_gradients": 0}, function="f", known=())
