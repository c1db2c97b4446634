"""What a history tells about the model, against the model itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from lens_pipeline.compat import torchlens as tl
from tests import zoo

if TYPE_CHECKING:
    from torch import nn

    from lens_pipeline.compat.history import ModelHistory


@pytest.mark.parametrize("name", [*tl.MODEL_FIELDS, *tl.MODEL_ALIASES])
def test_every_field_can_be_read(history: ModelHistory, name: str) -> None:
    """No field fails, and each is offered for completion."""
    getattr(history, name)
    assert name in dir(history)


def test_parameters_and_modules(history: ModelHistory, alexnet: nn.Module) -> None:
    """Totals are those of the model."""
    assert history.total_params == sum(one.numel() for one in alexnet.parameters())
    assert history.total_param_tensors == len(list(alexnet.parameters())) == 16
    assert history.total_param_layers == 8
    assert history.total_params_memory == 4 * history.total_params
    assert history.total_params_frozen == 0
    assert len(history.module_addresses) == len(list(alexnet.modules())) - 1
    assert history.top_level_modules == ["features", "avgpool", "classifier"]
    assert history.module_children["avgpool"] == []
    assert history.module_num_passes["features.6"] == 1


def test_structure() -> None:
    """Loops, branches and tests of tensors are told."""
    loop = tl.get_model_metadata(zoo.Recurrent(), torch.ones(1, 5))
    assert loop.is_recurrent
    assert not loop.is_branching
    assert not loop.has_conditional_branching
    assert loop.max_recurrent_loops == 4
    assert loop.layer_num_passes["linear_1_1"] == 4
    assert loop.num_operations == 12
    assert loop.layers_with_params == {"linear_1_1": [f"linear_1_1:{n}" for n in range(1, 5)]}
    assert loop.layer_labels_no_pass[1:4] == ["linear_1_1", "add_1_2", "mul_1_3"]
    branch = tl.get_model_metadata(zoo.WhileLoop(), torch.ones(1, 5))
    assert branch.has_conditional_branching
    assert branch.is_branching


def test_memory_of_what_was_saved(alexnet: nn.Module, image: torch.Tensor) -> None:
    """Bytes saved are those of the values there are, raw and transformed."""
    both = tl.log_forward_pass(
        alexnet, image, layers_to_save=["linear_3"], activation_postfunc=lambda t: t[:, :10]
    )
    assert both.saved_activation_memory == 4 * (1000 + 10)
    assert both.layers_with_saved_activations == ["linear_3_22"]
    assert both.total_activation_memory > 4_000_000
