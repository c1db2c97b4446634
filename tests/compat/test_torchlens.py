"""The examples of TorchLens's documents, in our words."""

from __future__ import annotations

import ast
import logging
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from torch import nn

import lens_pipeline
from lens_pipeline import errors
from lens_pipeline.compat import torchlens as tl
from tests import zoo

if TYPE_CHECKING:
    from lens_pipeline.compat.history import ModelHistory


def hooked(model: nn.Module, address: str, x: torch.Tensor) -> torch.Tensor:
    """Return what a module returns, by a plain forward hook; what follows may write to it."""
    found: list[torch.Tensor] = []
    hook = lambda module, args, output: found.append(output.detach().clone())  # noqa: E731
    handle = model.get_submodule(address).register_forward_hook(hook)
    with torch.no_grad():
        model(x)
    handle.remove()
    return found[0]


def test_second_pass_of_a_recurrent_linear(tmp_path: Path) -> None:
    """The first example: four rounds, the second pass of the Linear, and a rolled picture."""
    model, x = zoo.Recurrent(), torch.ones(6, 5)
    model_history = tl.log_forward_pass(
        model,
        x,
        layers_to_save="all",
        vis_mode="rolled",
        vis_outpath=str(tmp_path / "graph"),
        vis_fileformat="dot",
    )
    expected = model.fc((model.fc(x) + 1) * 2)
    torch.testing.assert_close(model_history["linear_1_1:2"].activation, expected)
    assert "linear_1_1 (x4)" in (tmp_path / "graph.dot").read_text()


@pytest.mark.parametrize(
    "key", ["conv2d_3_7", "conv2d_3", "conv2d_3_7:1", "features.6", "features.6:1", 7, -17]
)
def test_every_way_to_name_a_layer(
    history: ModelHistory, alexnet: nn.Module, image: torch.Tensor, key: str | int
) -> None:
    """Label, short label, pass, module and ordinals lead to the third convolution."""
    assert history[key].layer_label == "conv2d_3_7"
    assert torch.equal(history[key].activation, hooked(alexnet, "features.6", image))


def test_chosen_layers(alexnet: nn.Module, image: torch.Tensor) -> None:
    """A list of a label, a module, an ordinal and a part of names gives exactly these layers."""
    model_history = tl.log_forward_pass(
        alexnet, image, layers_to_save=["conv2d_3_7", "features", -5, "linear"]
    )
    assert model_history.layer_labels == [
        "conv2d_3_7",
        "maxpool2d_3_13",
        "linear_1_17",
        "dropout_2_19",
        "linear_2_20",
        "linear_3_22",
    ]
    assert all(entry.activation is not None for entry in model_history.layer_list)
    assert sum(op.value is not None for op in model_history.trace.ops) == 6


def channel_mean(t: torch.Tensor) -> torch.Tensor:
    return t.mean(dim=(2, 3)) if t.ndim == 4 else t


def test_raw_and_transformed_activations(alexnet: nn.Module, image: torch.Tensor) -> None:
    """A function applied when saving leaves the raw output beside its result."""
    layer = tl.log_forward_pass(alexnet, image, activation_postfunc=channel_mean)["conv2d_3_7"]
    assert layer.activation.shape == layer.tensor.shape == layer.tensor_shape == (1, 384, 13, 13)
    assert layer.transformed_activation_shape == layer.transformed_activation.shape == (1, 384)
    torch.testing.assert_close(layer.transformed_activation, layer.activation.mean(dim=(2, 3)))


def test_transformed_activations_alone(alexnet: nn.Module, image: torch.Tensor) -> None:
    """Without the raw output its shape, type and size are still there."""
    layer = tl.log_forward_pass(
        alexnet,
        image,
        layers_to_save=["conv2d_3_7"],
        activation_postfunc=channel_mean,
        save_raw_activation=False,
    )["conv2d_3_7"]
    assert layer.activation is None
    assert layer.has_saved_activations
    assert layer.tensor_shape == (1, 384, 13, 13)
    assert layer.tensor_dtype is torch.float32
    assert layer.tensor_memory == 4 * 384 * 13 * 13
    assert layer.transformed_activation.shape == (1, 384)


def test_training_from_a_saved_activation() -> None:
    """With train_mode a loss on a saved activation reaches the parameters before it only."""
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))
    x = torch.ones(2, 4)
    logged = tl.log_forward_pass(model, x, layers_to_save=["1"], train_mode=True)
    logged["relu_1_2"].activation.square().mean().backward()
    assert model[0].weight.grad is not None
    assert model[2].weight.grad is None
    assert not tl.log_forward_pass(model, x)["relu_1_2"].activation.requires_grad
    kept = tl.log_forward_pass(model, x, detach_saved_tensors=False)
    assert kept["relu_1_2"].activation.requires_grad


def test_contradicting_wishes() -> None:
    """Arguments that exclude one another are refused."""
    model, x = nn.Linear(2, 2), torch.ones(1, 2)
    with pytest.raises(errors.TraceError, match="give one of them"):
        tl.log_forward_pass(model, x, train_mode=True, detach_saved_tensors=True)
    with pytest.raises(errors.TraceError, match="keeps only what activation_postfunc makes"):
        tl.log_forward_pass(model, x, save_raw_activation=False)
    with pytest.raises(errors.TraceError, match="save_gradients=True: gradients are not recorded"):
        tl.log_forward_pass(model, x, save_gradients=True)
    with pytest.raises(errors.TraceError, match="no argument 'layer_to_save'; nearest: layers_to"):
        tl.show_model_graph(model, x, layer_to_save="all")


def test_metadata_alone(alexnet: nn.Module, image: torch.Tensor) -> None:
    """Without activations every layer is listed with its shape and nothing is saved."""
    metadata = tl.get_model_metadata(alexnet, image)
    assert len(metadata) == 24
    assert metadata.num_tensors_saved == metadata.saved_activation_memory == 0
    assert metadata["conv2d_3_7"].activation is None
    assert metadata["conv2d_3_7"].tensor_shape == (1, 384, 13, 13)
    nothing = tl.log_forward_pass(alexnet, image, layers_to_save=None)
    assert nothing.layer_labels == metadata.layer_labels


def test_name_that_the_paper_gives() -> None:
    """get_model_activations chooses layers by which_layers and draws by vis_opt."""
    model, x = zoo.Recurrent(), torch.ones(1, 5)
    chosen = tl.get_model_activations(model, x, which_layers=["linear"])
    assert chosen.layer_labels == [f"linear_1_1:{number}" for number in range(1, 5)]
    assert len(tl.get_model_activations(model, x)) == 14


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_validation(caplog: pytest.LogCaptureFixture) -> None:
    """True for a model whose trace is right; False, with the reason logged, for one that is not."""
    assert tl.validate_model_activations(zoo.Recurrent(), torch.ones(2, 5), random_seed=3)
    with caplog.at_level(logging.WARNING):
        assert tl.validate_model_activations(zoo.Scripted(), torch.ones(2, 5)) is False
    assert "FAILED" in caplog.text


def test_functions_that_are_not_here() -> None:
    """Another function of TorchLens says what to use instead."""
    with pytest.raises(AttributeError, match="has no 'fastlog': log_forward_pass with layers_to"):
        tl.fastlog  # noqa: B018
    with pytest.raises(AttributeError, match="has no 'log_forward'; nearest: log_forward_pass"):
        tl.log_forward  # noqa: B018


def imported(folder: Path) -> dict[Path, set[str]]:
    """Return the modules that each file below a folder imports, wherever it does."""
    found = {}
    for path in folder.rglob("*.py"):
        nodes = list(ast.walk(ast.parse(path.read_text())))
        names = {one.name for node in nodes if isinstance(node, ast.Import) for one in node.names}
        names |= {str(node.module) for node in nodes if isinstance(node, ast.ImportFrom)}
        found[path] = names
    return found


def test_a_room_of_its_own() -> None:
    """Nothing imports TorchLens, and nothing outside the room imports the room."""
    package = Path(lens_pipeline.__file__).parent
    for path, names in imported(package).items():
        assert not {name for name in names if name.split(".")[0] == "torchlens"}, path
        if path.parent != package / "compat":
            assert not {name for name in names if name.startswith("lens_pipeline.compat")}, path
    assert "lens_pipeline.tracer.run" in imported(package)[package / "compat" / "torchlens.py"]
