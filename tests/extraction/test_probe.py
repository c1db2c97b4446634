"""What a run will keep: layers, passes, shapes, and what is refused."""

from __future__ import annotations

import contextlib
import pickle
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

from lens_pipeline.errors import PostfunctionError, SelectorError, TraceError
from lens_pipeline.extraction import Structure, probe
from lens_pipeline.models.loading import LoadedModel, load_model
from lens_pipeline.models.spec import ModelSpec
from tests import zoo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def cornet_s() -> LoadedModel:
    return load_model(ModelSpec("cornet", "cornet_s", "random"))


def probed(model: LoadedModel, layers: str | list[str], *postfunctions: str) -> Structure:
    examples = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    return probe(model, layers, postfunctions, examples=examples)


def of_module(module: nn.Module) -> LoadedModel:
    """A LoadedModel around any module; only what `probe` reads is real."""
    whole = load_model(ModelSpec("cornet", "cornet_z", "random"))
    return LoadedModel(**{**vars(whole), "module": module})


def rows(structure: Structure) -> list[tuple[object, ...]]:
    return [(layer.name, layer.run, layer.passes, layer.shape) for layer in structure.layers]


def test_auto_is_the_preset_with_every_pass(cornet_s: LoadedModel) -> None:
    """CORnet-S gives its areas with 1, 2, 4 and 2 passes."""
    assert rows(probed(cornet_s, "auto")) == [
        ("V1.output", None, (1,), (64, 16, 16)),
        ("V2.output", None, (1, 2), (128, 8, 8)),
        ("V4.output", None, (1, 2, 3, 4), (256, 4, 4)),
        ("IT.output", None, (1, 2), (512, 2, 2)),
        ("decoder.avgpool", None, (1,), (512, 1, 1)),
    ]


def test_passes_of_unequal_shape_become_runs(cornet_s: LoadedModel) -> None:
    """The first pass of V4.conv1 has a larger map than the others; nothing is padded."""
    assert rows(probed(cornet_s, ["V4.conv1"])) == [
        ("V4.conv1", 1, (1,), (1024, 8, 8)),
        ("V4.conv1", 2, (2, 3, 4), (1024, 4, 4)),
    ]


def test_postfunctions_decide_shape_and_axes(cornet_s: LoadedModel) -> None:
    """Shapes are those after the chain, so runs that it makes equal are one layer again."""
    structure = probed(cornet_s, ["V4.conv1"], "spatial_mean")
    assert rows(structure) == [("V4.conv1", None, (1, 2, 3, 4), (1024,))]
    assert structure.bytes_per_stimulus == 4 * 1024 * 4


def test_structure_is_small_and_picklable(cornet_s: LoadedModel) -> None:
    """A worker gets the structure through a scheduler."""
    structure = probed(cornet_s, "all")
    data = pickle.dumps(structure)
    assert pickle.loads(data) == structure
    assert len(data) < 50_000


def test_all_leaves_out_what_has_no_stimuli() -> None:
    """`all` skips an output that does not depend on the stimuli, and says so."""
    model = of_module(_WithPositions())
    structure = probed(model, "all")
    assert structure.skipped == (("arange_1_3", "it does not depend on the stimuli"),)


def test_layer_without_stimuli_asked_for_by_name_is_refused() -> None:
    """What was asked for by name is kept or refused, never dropped."""
    with pytest.raises(SelectorError, match="arange_1_3 cannot be stored by stimulus"):
        probed(of_module(_WithPositions()), ["arange_1_3", "sum_1"])


def test_an_output_without_values_is_left_out_and_refused_by_name() -> None:
    """A slice of no channels has stimuli and no units."""
    model = of_module(_Empty())
    reason = "its shape is (3, 0, 64, 64) for three stimuli, which holds no values"
    assert probed(model, "all").skipped == (("getitem_1_1", reason),)
    with pytest.raises(SelectorError, match=r"getitem_1_1 cannot be stored .* holds no values"):
        probed(model, ["getitem_1_1"])


def test_a_chain_that_leaves_no_values_is_refused(cornet_s: LoadedModel, tmp_path: Path) -> None:
    """A user's own postfunction may return an empty slice."""
    (tmp_path / "emptying.py").write_text("def emptied(values):\n    return values[:, :0]\n")
    with (
        contextlib.chdir(tmp_path),
        pytest.raises(PostfunctionError, match=r"leave no values of layer 'V1.output', whose unit"),
    ):
        probed(cornet_s, ["V1.output"], "emptying:emptied")


def test_graph_that_depends_on_the_input_is_refused() -> None:
    """Two batches that compute different things cannot be one tree."""
    with pytest.raises(TraceError, match="another graph for 3 stimuli than for 2"):
        probed(of_module(_DependsOnBatch()), "all")


def test_forward_that_fails_names_the_input_shape() -> None:
    """A model that cannot take the images says for which shape."""
    with pytest.raises(
        TraceError, match=r"cannot take an input of shape \(2, 3, 64, 64\): .* failed in linear"
    ):
        probed(of_module(zoo.Recurrent()), "all")


def test_few_examples_are_enough(cornet_s: LoadedModel) -> None:
    """One stimulus gives the same structure as three."""
    one = probe(cornet_s, "auto", examples=torch.rand(1, 3, 64, 64))
    assert one.layers == probed(cornet_s, "auto").layers
    assert one.digest == probed(cornet_s, "auto").digest


class _WithPositions(nn.Module):
    def forward(self, x):
        x = x.flatten(1).sum(1, keepdim=True)
        return x + torch.arange(3)


class _Empty(nn.Module):
    def forward(self, x):
        return torch.cat([x[:, :0], x.sin()], 1)


class _DependsOnBatch(nn.Module):
    def forward(self, x):
        return x.sin() if len(x) == 2 else x.cos()
