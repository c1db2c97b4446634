"""What entries tell, against what can be counted by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import nn

from lens_pipeline.columns import MODEL_COLUMNS, OP_COLUMNS
from lens_pipeline.compat import torchlens as tl
from lens_pipeline.compat.field import Field
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.compat.history import LayerEntry, ModelHistory


class Branches(nn.Module):
    """Two ways from the input meet noise in a list, and one result is thrown away."""

    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(3, 3)
        self.fc.bias.requires_grad_(False)
        self.register_buffer("shift", torch.ones(3))

    def forward(self, x):
        left = self.fc(x)
        x.tanh()
        noise = torch.rand(2, 3)
        return torch.cat([left.relu_(), noise, x], dim=1).amax(1), x.max(1)[1]


@pytest.fixture(scope="module")
def branches() -> ModelHistory:
    return tl.log_forward_pass(Branches(), torch.ones(2, 3))


def test_every_column_named_is_there() -> None:
    """A name that stands for a column has one, and an alias stands for a name."""
    for fields, aliases, columns in (
        (tl.LAYER_FIELDS, tl.LAYER_ALIASES, OP_COLUMNS),
        (tl.MODEL_FIELDS, tl.MODEL_ALIASES, MODEL_COLUMNS),
    ):
        assert {field for field in fields.values() if isinstance(field, str)} <= set(columns)
        assert set(aliases.values()) <= set(fields)
        assert not set(aliases) & set(fields)


@pytest.mark.parametrize("name", [*tl.LAYER_FIELDS, *tl.LAYER_ALIASES])
def test_every_field_of_every_entry_can_be_read(branches: ModelHistory, name: str) -> None:
    """No field fails for an input, a call, an output, or a layer with passes."""
    loop = tl.get_model_metadata(zoo.Recurrent(), torch.ones(1, 5))
    for entry in (*branches, *loop):
        getattr(entry, name)
        assert name in dir(entry)


@pytest.mark.parametrize(
    "field", [one for one in tl.LAYER_FIELDS.values() if isinstance(one, Field)]
)
def test_every_field_says_what_it_holds(field: Field) -> None:
    """A Field has a text, as a column has."""
    assert field.what


def fields(entry: LayerEntry, *names: str) -> list[Any]:
    return [getattr(entry, name) for name in names]


def test_labels_of_a_pass() -> None:
    """A pass goes by its label with and without pass and second number."""
    entry = tl.get_model_metadata(zoo.Recurrent(), torch.ones(1, 5))["fc:2"]
    labels = fields(entry, "layer_label", "layer_label_short", "layer_label_no_pass")
    assert labels == ["linear_1_1:2", "linear_1:2", "linear_1_1"]
    labels = fields(entry, "layer_label_w_pass", "layer_label_no_pass_short", "layer_type")
    assert labels == ["linear_1_1:2", "linear_1", "linear"]
    numbers = fields(entry, "layer_type_num", "layer_total_num", "pass_num", "layer_passes_total")
    assert numbers == [1, 1, 2, 4]
    assert entry.recurrent_group == [f"linear_1_1:{number}" for number in range(1, 5)]
    assert fields(entry, "containing_module", "module_passes_exited") == ["fc:2", ["fc:2"]]


def test_parameters(branches: ModelHistory) -> None:
    """Shapes and numbers of the parameters that a layer reads, trainable and frozen."""
    entry = branches["linear_1_1"]
    assert entry.parent_param_shapes == [(3, 3), (3,)]
    numbers = fields(entry, "num_param_tensors", "num_params_total", "num_params_trainable")
    assert numbers == [2, 12, 9]
    assert fields(entry, "num_params_frozen", "params_memory") == [3, 48]
    assert [one.addresses for one in entry.parent_params] == [("fc.weight",), ("fc.bias",)]
    assert not branches["tanh"].uses_params


def test_graph(branches: ModelHistory) -> None:
    """Parents, children, siblings, co-parents and distances of branches that meet."""
    cat = branches["cat"]
    assert cat.parent_layers == ["relu_1_4", "rand_1_3", "input_1_0"]
    assert cat.parent_layer_arg_locs["args"] == {
        (0, 0): "relu_1_4",
        (0, 1): "rand_1_3",
        (0, 2): "input_1_0",
    }
    assert cat.child_layers == ["amax_1_6"]
    assert branches["relu"].co_parent_layers == ["input_1_0", "rand_1_3"]
    assert branches["tanh"].sibling_layers == ["linear_1_1", "cat_1_5", "max_1_7", "max_2_8"]
    assert fields(cat, "min_distance_from_input", "max_distance_from_input") == [1, 3]
    assert fields(cat, "min_distance_from_output", "max_distance_from_output") == [2, 2]
    assert cat.input_ancestors == ["input_1_0"]
    assert cat.output_descendants == ["output_1_9"]


def test_ends(branches: ModelHistory) -> None:
    """What is made inside, what leads nowhere, what goes in and out."""
    noise, dead = branches["rand"], branches["tanh"]
    assert fields(noise, "is_internally_initialized", "has_input_ancestor") == [True, False]
    assert fields(dead, "is_internally_terminated", "feeds_output") == [True, False]
    assert fields(branches[0], "is_input_layer", "io_role") == [True, "input.x"]
    assert fields(branches[-1], "is_output_layer", "io_role") == [True, "output[1]"]


def test_function(branches: ModelHistory) -> None:
    """What was called, with which arguments, and what autograd called it."""
    amax, linear = branches["amax"], branches["linear_1_1"]
    assert amax.func_positional_args_non_tensor == [1]
    assert branches["cat"].func_kwargs_non_tensor == {"dim": 1}
    assert fields(branches["cat"], "num_args", "num_keyword_args") == [2, 1]
    assert linear.func_applied is nn.functional.linear or linear.func_name == "linear"
    assert linear.grad_fn_name == "AddmmBackward0"
    assert linear.flops_forward == 2 * 2 * 3 * 3
    assert branches["relu"].func_is_inplace
    assert fields(branches["max_2"], "is_part_of_iterable_output", "iterable_output_index") == [
        True,
        1,
    ]


def test_modules(history: ModelHistory) -> None:
    """The last layer of a container is the output of both."""
    last = history["features"]
    assert last.layer_label == "maxpool2d_3_13"
    assert last.modules_exited == ["features.12", "features"]
    assert last.containing_modules == ["features:1", "features.12:1"]
    assert fields(last, "module_nesting_depth", "containing_module") == [2, "features.12"]
    assert fields(last, "leaf_module_pass", "is_submodule_output") == ["features.12:1", True]
    assert history["features.0"].modules_entered == ["features.1"]
    assert history[0].module_passes_entered == ["features:1", "features.0:1"]
    flat = history["flatten"]
    assert fields(flat, "modules_entered", "is_submodule_input") == [
        ["classifier", "classifier.0"],
        True,
    ]
    assert fields(flat, "containing_module", "is_computed_inside_submodule") == [None, False]


def test_names_that_are_not_here(history: ModelHistory) -> None:
    """An attribute of TorchLens's that is not here says why; a misspelt one what is near."""
    with pytest.raises(AttributeError, match="An entry has no 'gradient': gradients are not rec"):
        _ = history[1].gradient
    with pytest.raises(AttributeError, match="An entry has no 'activatoin'; nearest: activation"):
        _ = history[1].activatoin
    with pytest.raises(AttributeError, match="A history has no 'save_new_activations': a history"):
        _ = history.save_new_activations
    assert not hasattr(history, "render_graph")
