"""Names, ordinals and parts of names."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline.compat import torchlens as tl
from lens_pipeline.errors import SelectorError
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.compat.history import ModelHistory


@pytest.fixture(scope="module")
def recurrent() -> ModelHistory:
    return tl.log_forward_pass(zoo.Recurrent(), torch.ones(1, 5))


def test_part_of_one_name(history: ModelHistory) -> None:
    """A part that leads to a single operation finds it, in any case."""
    assert history["adaptive"].layer_label == "adaptiveavgpool2d_1_14"
    assert history["tiveavg"].layer_label == "adaptiveavgpool2d_1_14"
    assert history["ADAPTIVE"].layer_label == "adaptiveavgpool2d_1_14"


def test_label_before_address() -> None:
    """Where a module is called like a layer, the name is the layer's."""
    model = nn.Sequential(OrderedDict(relu_1=nn.Tanh(), other=nn.ReLU()))
    history = tl.get_model_metadata(model, torch.ones(1))
    assert history["relu_1"].layer_label == "relu_1_2"
    assert "relu_1" not in history["tanh_1_1"].lookup_keys


def test_unknown_and_ambiguous_names(history: ModelHistory) -> None:
    """Errors name the nearest labels."""
    with pytest.raises(SelectorError, match=r"'conv9d_1' names no layer .* nearest: conv2d_"):
        history["conv9d_1"]
    with pytest.raises(SelectorError, match=r"'relu' is part of \d+ names"):
        history["relu"]
    with pytest.raises(
        SelectorError, match=r"no layer number 24; allowed are 0 to 23, or -1 to -2"
    ):
        history[24]
    with pytest.raises(SelectorError, match="'' names no layer"):
        history[""]


def test_passes_of_a_loop(recurrent: ModelHistory) -> None:
    """Ordinals count every pass; a name without its pass says which passes there are."""
    assert [entry.layer_label for entry in recurrent][4] == recurrent[4].layer_label
    assert recurrent[4].layer_label == recurrent["fc:2"].layer_label == "linear_1_1:2"
    with pytest.raises(SelectorError, match="leads to 4 operations; say which: linear_1_1:1, lin"):
        recurrent["linear_1_1"]
    with pytest.raises(SelectorError, match="leads to 4 operations; say which: fc:1, fc:2"):
        recurrent["fc"]


def test_ordinals_count_what_is_listed() -> None:
    """A history of chosen layers is a list of these."""
    model, x = zoo.Recurrent(), torch.ones(1, 5)
    chosen = tl.log_forward_pass(model, x, layers_to_save=["linear", "mul_1:4"])
    assert chosen[-1].layer_label == "mul_1_3:4"
    assert chosen[-1].lookup_keys[:2] == [-1, 4]
    with pytest.raises(SelectorError, match="'add_1_2:1' names no layer"):
        chosen["add_1_2:1"]
    every = tl.log_forward_pass(model, x, layers_to_save=["linear"], keep_unsaved_layers=True)
    assert len(every) == 14
    assert every.num_tensors_saved == 4


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (["conv9"], "'conv9', which is part of no layer's name; "),
        ([99], "no layer number 99"),
        ([True], "takes names and ordinals, not True"),
        ([""], "'', which is part of no layer's name"),
    ],
)
def test_choices_that_are_not_there(wanted: list[str | int], message: str) -> None:
    """An entry of layers_to_save that chooses nothing is an error."""
    with pytest.raises(SelectorError, match=message):
        tl.log_forward_pass(zoo.Recurrent(), torch.ones(1, 5), layers_to_save=wanted)


def test_lookup_keys_lead_back(recurrent: ModelHistory, history: ModelHistory) -> None:
    """Every key that an entry gives finds that entry."""
    for entry in (*recurrent, *history):
        for key in entry.lookup_keys:
            assert entry.history[key].op is entry.op
    assert history["conv2d_3_7"].lookup_keys == [
        -17,
        7,
        "conv2d_3",
        "conv2d_3:1",
        "conv2d_3_7",
        "conv2d_3_7:1",
        "features.6",
        "features.6:1",
    ]
