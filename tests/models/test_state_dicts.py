"""Checkpoints: what is read, what fits, and what a digest depends on."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from lens_pipeline.errors import ModelError
from lens_pipeline.models.state_dicts import digest_weights, fill, read_state_dict


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 2))


@pytest.mark.parametrize(
    "wrap",
    [
        lambda state: state,
        lambda state: {"state_dict": state, "epoch": 3},
        lambda state: {"model": state, "args": [1, 2]},
    ],
    ids=["bare", "state_dict", "model"],
)
def test_wrapped_state_dicts_are_found(tmp_path: Path, wrap: Any) -> None:
    """What training scripts wrap around the state dict is taken off."""
    state = net().state_dict()
    torch.save(wrap(state), tmp_path / "net.pth")
    read = read_state_dict(tmp_path / "net.pth")
    assert list(read) == list(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


def test_safetensors_are_read(tmp_path: Path) -> None:
    """A .safetensors file is read as one."""
    safetensors = pytest.importorskip("safetensors.torch", reason="safetensors is not installed")
    safetensors.save_file(net().state_dict(), tmp_path / "net.safetensors")
    assert read_state_dict(tmp_path / "net.safetensors").keys() == net().state_dict().keys()


class Trap:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_opening_a_file_runs_no_code_of_its_author(tmp_path: Path) -> None:
    """A pickle that would do something is refused, and does nothing."""
    trap = {"state_dict": Trap(tmp_path / "run")}
    (tmp_path / "evil.pth").write_bytes(pickle.dumps(trap, protocol=2))
    torch.save(trap, tmp_path / "evil.pt")
    for name in ("evil.pth", "evil.pt"):
        with pytest.raises(ModelError, match="cannot be read as a state dict"):
            read_state_dict(tmp_path / name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 half"])
@pytest.mark.parametrize("name", ["net.pth", "net.safetensors"])
def test_files_that_are_no_checkpoints_are_named(tmp_path: Path, content: bytes, name: str) -> None:
    """Empty, foreign and truncated files give one sentence with the path."""
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name} cannot be read as a state dict"):
        read_state_dict(tmp_path / name)


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"lr": 0.1}, torch.zeros(2)])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: Any) -> None:
    """A readable file may still hold no state dict."""
    torch.save(content, tmp_path / "net.pth")
    with pytest.raises(ModelError, match="hold no state dict"):
        read_state_dict(tmp_path / "net.pth")


def test_the_prefix_of_data_parallel_is_dropped() -> None:
    """Names under `module.` fit a bare module."""
    trained = net()
    nn.init.constant_(trained.get_parameter("0.weight"), 0.5)
    state = nn.DataParallel(trained).state_dict()
    assert all(name.startswith("module.") for name in state)
    fresh = net()
    fill(fresh, state, what="The weights")
    assert digest_weights(fresh) == digest_weights(trained)


def test_a_submodule_called_module_keeps_its_name() -> None:
    """The prefix is dropped only where the names do not fit with it."""
    parallel = nn.DataParallel(net())
    fill(parallel, parallel.state_dict(), what="The weights")


def test_batch_counters_may_be_missing() -> None:
    """Old checkpoints have no num_batches_tracked, which no output depends on."""
    state = net().state_dict()
    del state["1.num_batches_tracked"]
    fill(net(), state, what="The weights")


def test_every_misfit_is_counted_and_the_first_are_named() -> None:
    """Missing, unexpected and mis-shaped tensors are told apart."""
    state = net().state_dict()
    del state["0.weight"]
    state["3.weight"] = torch.zeros(10, 4)
    state |= {f"head.{index}": torch.zeros(1) for index in range(5)}
    with pytest.raises(ModelError) as caught:
        fill(net(), state, what="The weights a.pth and net")
    assert str(caught.value) == (
        "The weights a.pth and net do not fit: of 9 tensors 1 missing (0.weight); "
        "5 unexpected (head.0, head.1, head.2, ...); 1 of another shape (3.weight 10x4 for 2x4); "
        "give weights of this very model."
    )


def test_nothing_is_loaded_from_weights_that_do_not_fit() -> None:
    """A refused state dict leaves the module as it was."""
    module = net()
    before = digest_weights(module)
    state = {name: torch.zeros_like(value) for name, value in module.state_dict().items()}
    with pytest.raises(ModelError):
        fill(module, state | {"more": torch.zeros(1)}, what="The weights")
    assert digest_weights(module) == before


def test_the_digest_depends_on_names_and_values_alone() -> None:
    """One changed bit or another name changes it; a copy does not."""
    same, nudged = net(), net()
    assert digest_weights(same) == digest_weights(net())
    with torch.no_grad():
        nudged.get_parameter("3.bias").add_(1e-6)
    assert digest_weights(nudged) != digest_weights(same)
    assert digest_weights(nn.ModuleDict({"a": same})) != digest_weights(same)
    assert digest_weights(net().double()) != digest_weights(same)


def test_the_legacy_cifar_checkpoint_is_read(test_data: Path) -> None:
    """A real DataParallel checkpoint: wrapped, prefixed, without batch counters."""
    state = read_state_dict(test_data / "weights" / "resnet20-12fca82f.th")
    assert len(state) == 97
    assert all(name.startswith("module.") for name in state)
    stem = nn.ModuleDict(
        {
            "conv1": nn.Conv2d(3, 16, 3, padding=1, bias=False),
            "bn1": nn.BatchNorm2d(16),
            "linear": nn.Linear(64, 10),
        }
    )
    kept = {name: state[f"module.{name}"] for name in stem.state_dict() if "tracked" not in name}
    fill(stem, {f"module.{name}": value for name, value in kept.items()}, what="The weights")
    assert torch.equal(stem.get_parameter("linear.weight"), state["module.linear.weight"])
